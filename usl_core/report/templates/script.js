"use strict";
(() => {
  const spec = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const maps = document.getElementById("map-chart");
  const bars = document.getElementById("bar-chart");
  const preview = document.getElementById("preview");
  const config = { displaylogo: false, showSendToCloud: false, plotlyServerURL: "" };

  // Arrays and texts that several traces share are stored once; {"@": i} stands for array i, {"of": [...]} for texts.
  const array = (value) => (value.of ? value.of.map((place) => spec.texts[place]) : value);
  const shared = (value) => {
    if (Array.isArray(value)) return value.map(shared);
    if (value === null || typeof value !== "object") return value;
    if ("@" in value) return array(spec.arrays[value["@"]]);
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, shared(part)]));
  };
  const theme = () => (dark.matches ? "dark" : "light");
  const columns = () => {
    const fitting = spec.columns.filter((count) => maps.clientWidth / count >= 280);
    return String(fitting.length ? Math.max(...fitting) : 1);
  };
  const colour = () => document.querySelector("input[name=colour]:checked").value;

  let drawn = "";
  let drawing = Promise.resolve();
  const place = (chart, { data, layout }) => {
    layout.width = chart.clientWidth;
    chart.style.height = `${layout.height}px`; // the text below stays where it is while plotly works
    drawing = drawing.then(() => Plotly.react(chart, shared(data), layout, config));
  };
  const draw = () => {
    const wanted = [theme(), colour(), maps.clientWidth].join();
    if (wanted === drawn) return;
    drawn = wanted;
    const { data, layouts } = spec.maps[theme()][colour()];
    const layout = shared(layouts[columns()]);
    layout.dragmode = columns() === "1" ? false : "pan"; // on a phone, a finger scrolls the page
    if (maps.layout && maps.dataset.columns === columns()) {
      layout.xaxis.range = maps.layout.xaxis.range.slice(); // zoom survives another colour
      layout.yaxis.range = maps.layout.yaxis.range.slice();
    }
    maps.dataset.columns = columns();
    place(maps, { data, layout });
    if (bars) place(bars, { data: spec.bars[theme()].data, layout: shared(spec.bars[theme()].layout) });
  };
  let waiting = 0;
  const redraw = () => { clearTimeout(waiting); waiting = setTimeout(draw, 120); };

  // The same image in every panel: a ring around it, and its picture if it is among the picks shown below.
  const ring = (point) => {
    const accent = getComputedStyle(document.documentElement).getPropertyValue("--accent").trim();
    const circle = (axis) => ({
      type: "circle", xref: "x" + axis, yref: "y" + axis, xsizemode: "pixel", ysizemode: "pixel", xanchor: point.x,
      yanchor: point.y, x0: -11, x1: 11, y0: -11, y1: 11, line: { color: accent, width: 2.5 },
    });
    Plotly.relayout(maps, { shapes: point ? spec.axes.map(circle) : [] });
  };
  const show = (row) => {
    const picture = document.querySelector(`.gallery img[data-row="${row}"]`);
    preview.hidden = !picture;
    if (!picture) return;
    preview.querySelector("img").src = picture.src;
    preview.querySelector("span").textContent = picture.alt;
  };
  const listen = () => {
    maps.on("plotly_hover", ({ points }) => { ring(points[0]); show(points[0].customdata); });
    maps.on("plotly_unhover", () => { ring(null); preview.hidden = true; });
    maps.on("plotly_click", ({ points }) => {
      const panel = spec.axes.indexOf(points[0].data.xaxis.slice(1));
      const picture = document.querySelectorAll(".gallery")[panel].querySelector(`[data-row="${points[0].customdata}"]`);
      if (picture) find(picture.closest("li"));
    });
  };
  const find = (card) => {
    document.querySelectorAll(".gallery .found").forEach((item) => item.classList.remove("found"));
    card.classList.add("found");
    card.scrollIntoView({ block: "center" });
    card.querySelector("button").focus({ preventScroll: true });
  };
  document.querySelectorAll(".gallery button").forEach((button) => {
    button.addEventListener("click", () => {
      const { x, y } = button.dataset;
      ring({ x: Number(x), y: Number(y) });
      maps.scrollIntoView({ block: "center" });
    });
  });

  document.querySelectorAll("input[name=colour]").forEach((input) => input.addEventListener("change", draw));
  dark.addEventListener("change", draw);
  new ResizeObserver(redraw).observe(maps);
  draw();
  drawing.then(listen);
})();
