"""How the report looks, in light and in dark, on a desk and on a phone."""

STYLE_SHEET = """
:root {
  color-scheme: light dark;
  --ground: #f6f6f3; --card: #ffffff; --ink: #191d22; --quiet: #57606b; --line: #dfe1e4;
  --accent: #0b5cad; --pass: #17683f; --pass-ground: #e3f3ea; --fail: #a5231b; --fail-ground: #fbe7e5;
  --released: #1267c4; --float32: #6b7480; --wrong: #d1500f;
  --low: #8fc3f2; --high: #0a2f5e;
  --series-1: #c4500b; --series-2: #00775a; --series-3: #a8397f; --series-4: #866900; --series-5: #6d55c4;
  --series-6: #bd3434; --series-7: #2b8299; --series-8: #557318; --series-9: #7d5046; --series-10: #46557f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #121519; --card: #1a1e24; --ink: #e9ecef; --quiet: #a3acb8; --line: #333a43;
    --accent: #7db8ff; --pass: #6fd6a0; --pass-ground: #15301f; --fail: #ff9d94; --fail-ground: #3b1a18;
    --released: #5aa7f8; --float32: #9ba5b2; --wrong: #ff8d4d;
    --low: #24598f; --high: #d3e8ff;
    --series-1: #ff9a56; --series-2: #3ecf9f; --series-3: #f08cc0; --series-4: #dfbb45; --series-5: #b6a0ff;
    --series-6: #ff8585; --series-7: #7fd3e8; --series-8: #a9cf5e; --series-9: #d1a397; --series-10: #b3bfe6;
  }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 4rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: -99rem; padding: .6rem 1rem; background: var(--card); z-index: 3; }
.skip:focus { left: .5rem; top: .5rem; }
header, main, footer, nav ul { max-width: 62rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 2rem; }
h1 { font-size: clamp(1.6rem, 4.5vw, 2.4rem); line-height: 1.15; margin: .2rem 0 .6rem; overflow-wrap: anywhere; }
h2 { font-size: 1.35rem; line-height: 1.25; margin: 0 0 .4rem; }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
p { margin: .4rem 0; max-width: 46rem; overflow-wrap: anywhere; }
.above { color: var(--quiet); margin: 0; overflow-wrap: anywhere; }
.lead { font-size: 1.1rem; }
.note, figcaption p { color: var(--quiet); font-size: .9rem; }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere; }
nav { position: sticky; top: 0; z-index: 2; background: var(--ground); border-bottom: 1px solid var(--line); }
nav ul { display: flex; gap: .2rem; overflow-x: auto; list-style: none; padding: .5rem .8rem; scrollbar-width: thin; }
nav a { display: block; padding: .25rem .6rem; white-space: nowrap; text-decoration: none; border-radius: 1rem;
  font-size: .9rem; }
nav a:hover { background: var(--line); }
section { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; padding: 1.2rem;
  margin: 1rem 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.2rem, 1fr)); gap: .7rem; margin: 1rem 0; }
.tiles div { border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .8rem; }
.tiles dt { color: var(--quiet); font-size: .85rem; }
.tiles dd { margin: 0; }
.tiles strong { display: block; font-size: 1.45rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--quiet); font-size: .85rem; }
dl { margin: .6rem 0; }
.facts div { display: grid; grid-template-columns: minmax(7rem, 12rem) 1fr; gap: .2rem 1rem; padding: .35rem 0;
  border-top: 1px solid var(--line); }
.facts dt { color: var(--quiet); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: .8rem 0; background:
  linear-gradient(to right, var(--card) 1.5rem, transparent) local 0 / 3rem 100% no-repeat,
  linear-gradient(to left, var(--card) 1.5rem, transparent) local 100% / 3rem 100% no-repeat,
  linear-gradient(to right, var(--line), transparent) scroll 0 / .9rem 100% no-repeat,
  linear-gradient(to left, var(--line), transparent) scroll 100% / .9rem 100% no-repeat; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--quiet); padding-bottom: .3rem; }
th, td { text-align: right; padding: .38rem .6rem; border-top: 1px solid var(--line); white-space: nowrap;
  vertical-align: top; }
thead th { border-top: 0; white-space: normal; color: var(--quiet); font-weight: 600; vertical-align: bottom; }
tbody th { text-align: left; font-weight: 600; min-width: 9.5rem; max-width: 22rem; white-space: normal;
  overflow-wrap: anywhere; }
thead th:first-child { text-align: left; }
th small, td small { display: block; font-weight: 400; color: var(--quiet); }
.words td { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 8rem; }
.words thead th { text-align: left; }
tr:has(.mark) { background: color-mix(in srgb, var(--released) 9%, transparent); }
.pass, .fail { display: inline-block; padding: 0 .5rem; border-radius: 1rem; font-weight: 600; white-space: nowrap; }
.pass { color: var(--pass); background: var(--pass-ground); }
.fail { color: var(--fail); background: var(--fail-ground); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
figure { margin: 1rem 0; min-width: 0; }
.chart { width: 100%; min-width: 0; }
fieldset { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .8rem; margin: .8rem 0; min-width: 0; }
legend { color: var(--quiet); font-size: .9rem; padding: 0 .3rem; }
fieldset label { display: inline-flex; align-items: center; gap: .35rem; margin: .15rem .9rem .15rem 0;
  font-size: .9rem; max-width: 100%; overflow-wrap: anywhere; }
fieldset i { flex: none; width: 1.3rem; border-top: 3px solid var(--swatch); }
button { font: inherit; font-size: .9rem; color: var(--accent); background: none; border: 1px solid var(--line);
  border-radius: 1rem; padding: .1rem .7rem; margin-right: .5rem; cursor: pointer; }
details { border-top: 1px solid var(--line); padding: .5rem 0; }
summary { cursor: pointer; font-weight: 600; }
pre { overflow-x: auto; font: .82rem/1.5 ui-monospace, monospace; background: var(--ground); padding: .8rem;
  border-radius: .5rem; max-height: 30rem; }
.digests td { font: .8rem ui-monospace, monospace; }
footer { color: var(--quiet); font-size: .9rem; padding-bottom: 3rem; }
@media (min-width: 72rem) {
  body { display: grid; grid-template-columns: 10rem minmax(0, 62rem); justify-content: center; column-gap: 1rem; }
  html { scroll-padding-top: 1rem; }
  header, main, footer, noscript { grid-column: 2; width: 100%; }
  nav { grid-column: 1; grid-row: 1 / span 2; border: 0; align-self: start; max-height: 100vh; overflow-y: auto; }
  nav ul { flex-direction: column; gap: 0; padding: 2rem .3rem; overflow: visible; }
}
@media (max-width: 40rem) {
  section { padding: .9rem .8rem; border-radius: .5rem; }
  .facts div { grid-template-columns: 1fr; }
}
@media print { nav, .skip { display: none; } section { break-inside: avoid; border: 0; } }
"""
