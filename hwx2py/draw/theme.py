"""Colours and type of the picture, light and dark.

All names are the picture's own, since inside of HTML its style holds for the whole page.
"""

_LIGHT = {
    "paper": "#ffffff",
    "box": "#ffffff",
    "ink": "#1b1f24",
    "muted": "#57606a",
    "line": "#59636e",
    "planar": "#8a4b08",
    "planar-fill": "#fdf6ec",
    "neural": "#1f4e8c",
    "neural-fill": "#f0f5fc",
    "kernel": "#6b3fa0",
    "kernel-fill": "#f5effc",
}
_DARK = {
    "paper": "#15181c",
    "box": "#1d2127",
    "ink": "#e6e8eb",
    "muted": "#a3abb5",
    "line": "#98a2ae",
    "planar": "#e9ad62",
    "planar-fill": "#292117",
    "neural": "#8db8f2",
    "neural-fill": "#192432",
    "kernel": "#c8a7f0",
    "kernel-fill": "#292036",
}


def _properties(colours: dict[str, str]) -> str:
    return "".join(f"--hwx-{name}:{colour};" for name, colour in colours.items())


_MONO = 'ui-monospace,"SF Mono","Cascadia Mono",Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace'
_SANS = 'system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif'

STYLE = f"""
.hwx-graph{{{_properties(_LIGHT)}color-scheme:light dark}}
@media screen and (prefers-color-scheme:dark){{.hwx-graph{{{_properties(_DARK)}}}}}
.hwx-graph text{{font:12px {_MONO};fill:var(--hwx-ink)}}
.hwx-graph .hwx-paper{{fill:var(--hwx-paper)}}
.hwx-graph .hwx-box{{fill:var(--hwx-box);stroke:var(--hwx-muted);stroke-width:1.25}}
.hwx-graph .hwx-planar .hwx-box{{fill:var(--hwx-planar-fill);stroke:var(--hwx-planar)}}
.hwx-graph .hwx-neural .hwx-box{{fill:var(--hwx-neural-fill);stroke:var(--hwx-neural)}}
.hwx-graph .hwx-bar{{fill:none;stroke:var(--hwx-muted);stroke-width:3}}
.hwx-graph .hwx-planar .hwx-bar{{stroke:var(--hwx-planar);stroke-dasharray:3 4}}
.hwx-graph .hwx-neural .hwx-bar{{stroke:var(--hwx-neural)}}
.hwx-graph .hwx-mixed .hwx-bar{{stroke-dasharray:12 4 3 4}}
.hwx-graph .hwx-name{{font:600 12.5px {_SANS}}}
.hwx-graph .hwx-engine{{font:11.5px {_SANS};text-anchor:end;fill:var(--hwx-muted)}}
.hwx-graph .hwx-planar .hwx-engine{{fill:var(--hwx-planar)}}
.hwx-graph .hwx-neural .hwx-engine{{fill:var(--hwx-neural)}}
.hwx-graph .hwx-shapes{{font-size:11px;fill:var(--hwx-muted)}}
.hwx-graph .hwx-badge{{fill:var(--hwx-kernel-fill);stroke:var(--hwx-kernel)}}
.hwx-graph .hwx-diamond{{fill:var(--hwx-kernel)}}
.hwx-graph .hwx-kernels{{font-size:11px;fill:var(--hwx-kernel)}}
.hwx-graph .hwx-pill rect{{fill:var(--hwx-box);stroke:var(--hwx-ink);stroke-width:1.25}}
.hwx-graph .hwx-unknown rect{{stroke-dasharray:3 3}}
.hwx-graph .hwx-tensor-name{{font-weight:600;text-anchor:middle}}
.hwx-graph .hwx-about{{font:10.5px {_SANS};text-anchor:middle;fill:var(--hwx-muted)}}
.hwx-graph .hwx-edge{{fill:none;stroke:var(--hwx-line);stroke-width:1.5}}
.hwx-graph .hwx-scratch{{stroke-dasharray:9 4}}
.hwx-graph .hwx-l2{{stroke-dasharray:4 3}}
.hwx-graph .hwx-kernel{{stroke:var(--hwx-kernel);stroke-dasharray:1.5 3}}
.hwx-graph .hwx-head{{fill:var(--hwx-line)}}
.hwx-graph .hwx-label{{font-size:11px;stroke:var(--hwx-paper);stroke-width:4;stroke-linejoin:round;paint-order:stroke}}
.hwx-graph .hwx-legend{{font:11px {_SANS};fill:var(--hwx-muted)}}
"""
