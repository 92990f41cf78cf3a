"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const charts = [...document.querySelectorAll(".chart")];
  const config = { displaylogo: false, showSendToCloud: false, plotlyServerURL: "", scrollZoom: false };

  const draw = () => {
    for (const chart of charts) {
      const { data, layout } = figures[dark.matches ? "dark" : "light"][chart.dataset.learner];
      chart.style.height = `${layout.height}px`; // the text below stays where it is while plotly works
      Plotly.react(chart, data, { ...layout, width: chart.clientWidth }, config);
    }
  };
  let waiting = 0;
  const redraw = () => { clearTimeout(waiting); waiting = setTimeout(draw, 120); };
  dark.addEventListener("change", draw);
  new ResizeObserver(redraw).observe(document.querySelector(".charts"));
  draw();
})();
