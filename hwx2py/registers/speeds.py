"""How fast chips were measured to be: the rates of their neural engines, and what a submit takes whatever it computes.

All of it published by others; nothing was measured for this project.
"""

from .machine import Rate, Submit

PRODUCTS, WINDOWS = "products and 1 x 1 convolutions", "3 x 3 convolutions"

_SURVEY = "published measurements of large products, fp16"
_CONVOLUTIONS = "published measurements of 3 x 3 convolutions, fp16"
_SUBMIT = "published measurements of programs that compute next to nothing"

H13_RATES = (
    Rate("M1", PRODUCTS, 2.7, 4.3, _SURVEY),
    Rate("M1 Max", PRODUCTS, 4.6, 4.6, _SURVEY),
    Rate("M1", WINDOWS, 0.6, 2.2, _CONVOLUTIONS),
)
H14_RATES = (Rate("M2 Pro", PRODUCTS, 3.4, 3.4, _SURVEY),)
H16_RATES = (Rate("M4", PRODUCTS, 5.4, 5.4, _SURVEY),)
H17_RATES = (Rate("M5", PRODUCTS, 8.7, 8.7, _SURVEY), Rate("M5 Pro", PRODUCTS, 10.0, 10.0, _SURVEY))

H13_SUBMITS = (Submit("M1", "Linux", 61, _SUBMIT),)
H16_SUBMITS = (Submit("M4", "macOS", 90, _SUBMIT),)
H17_SUBMITS = (Submit("M5 Pro", "macOS", 93, _SUBMIT),)
