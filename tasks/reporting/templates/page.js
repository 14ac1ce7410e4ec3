"use strict";
// Draws the charts in the colours of the style sheet, and shows and hides their curves.
(() => {
  const charts = [...document.querySelectorAll(".chart")].map((place) =>
    ({place, source: document.getElementById(`${place.id}-figure`).textContent}));
  const boxes = new Map([...document.querySelectorAll("input[data-curve]")].map((box) => [box.dataset.curve, box]));
  const config = {displayModeBar: false, displaylogo: false, responsive: true};

  const narrow = matchMedia("(max-width: 40rem)"), dark = matchMedia("(prefers-color-scheme: dark)");

  // A colour of a figure is the name of one of the style sheet, so that light and dark are written in one place.
  const painted = (value, style) => {
    if (typeof value === "string") {
      const name = /^var\((--[a-z0-9-]+)\)$/.exec(value);
      return name ? style.getPropertyValue(name[1]).trim() : value;
    }
    if (Array.isArray(value)) return value.map((one) => painted(one, style));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, painted(one, style)]));
  };
  const draw = ({place, source}) => {
    const {data, layout} = painted(JSON.parse(source), getComputedStyle(document.documentElement));
    for (const trace of data) if (boxes.has(trace.meta)) trace.visible = boxes.get(trace.meta).checked;
    const named = data.filter((trace) => trace.mode === "markers+text");
    if (named.length && narrow.matches) {  // no room for names beside the points: the legend has them
      layout.showlegend = true;
      for (const trace of named) trace.mode = "markers";
    }
    Plotly.react(place, data, layout, config);
  };
  const drawAll = () => charts.forEach(draw);
  const drawCurves = () => charts.filter(({place}) => place.dataset.curves !== undefined).forEach(draw);

  for (const box of boxes.values()) box.addEventListener("change", drawCurves);
  for (const button of document.querySelectorAll("button[data-curves]"))
    button.addEventListener("click", () => {
      for (const [name, box] of boxes) if (name.startsWith("class-")) box.checked = button.dataset.curves === "all";
      drawCurves();
    });
  for (const query of [narrow, dark]) query.addEventListener("change", drawAll);
  drawAll();
  document.documentElement.dataset.drawn = "";
})();
