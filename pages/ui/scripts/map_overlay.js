// What plotly's chart on the page lacks: a thumbnail beside the pointer, a ring around the pinned image in every panel, and a
// click that pins. It listens to the chart from outside, because a chart that changes is built anew and loses its zoom.
const states = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector("div");
  let state = states.get(root);
  if (!state) {
    state = { chart: null };
    states.set(root, state);
    state.find = new MutationObserver(() => attach(state));
    state.find.observe(document.body, { childList: true, subtree: true });
  }
  Object.assign(state, { data, pin: (row) => setTriggerValue("pin", row) });
  attach(state);
  drawRings(state);
  return () => {
    state.find.disconnect();
    state.layer?.remove();
    states.delete(root);
  };
}

function attach(state) {
  const chart = document.querySelector(`.st-key-${state.data.chart} .js-plotly-plot`);
  if (!chart || !chart.on || chart === state.chart) return;
  state.chart = chart;
  state.layer?.remove();
  state.layer = document.createElement("div");
  state.layer.setAttribute("aria-hidden", "true");
  Object.assign(state.layer.style, { position: "absolute", inset: "0", overflow: "hidden", pointerEvents: "none", zIndex: "5" });
  if (getComputedStyle(chart).position === "static") chart.style.position = "relative";
  chart.append(state.layer);
  const row = (event) => event.points?.[0]?.customdata;
  chart.on("plotly_click", (event) => { if (Number.isInteger(row(event))) state.pin(row(event)); });
  chart.on("plotly_hover", (event) => showThumbnail(state, row(event), event.event));
  chart.on("plotly_unhover", () => { if (state.thumbnail) state.thumbnail.hidden = true; });
  for (const moved of ["plotly_relayout", "plotly_relayouting", "plotly_afterplot"]) chart.on(moved, () => drawRings(state));
  drawRings(state);
}

function showThumbnail(state, row, pointer) {
  if (!Number.isInteger(row) || !pointer) return;
  if (!state.thumbnail || !state.layer.contains(state.thumbnail)) {
    state.thumbnail = document.createElement("img");
    state.thumbnail.alt = "";
    Object.assign(state.thumbnail.style, { position: "absolute", width: "96px", height: "96px", objectFit: "contain",
      background: "rgba(128,128,128,.35)", borderRadius: "6px", border: "1px solid rgba(128,128,128,.6)" });
    state.layer.append(state.thumbnail);
  }
  const box = state.chart.getBoundingClientRect();
  const x = pointer.clientX - box.left, y = pointer.clientY - box.top;
  state.thumbnail.src = new URL(state.data.thumbnails.replace("{row}", row), document.baseURI).href;
  state.thumbnail.style.left = `${Math.max(4, Math.min(x - 112, box.width - 100))}px`;
  state.thumbnail.style.top = `${Math.max(4, Math.min(y - 112, box.height - 100))}px`;
  state.thumbnail.hidden = false;
}

function drawRings(state) {
  const layout = state.chart?._fullLayout;
  if (!layout || !state.layer) return;
  state.layer.querySelectorAll(".ring").forEach((ring) => ring.remove());
  if (!state.data.pinned) return;
  const [x, y] = state.data.pinned;
  for (let at = 1; at <= state.data.panels; at++) {
    const suffix = at > 1 ? at : "";
    const across = layout[`xaxis${suffix}`], down = layout[`yaxis${suffix}`];
    if (!across || !down) continue;
    const left = across.l2p(x), top = down.l2p(y);
    if (left < 0 || top < 0 || left > across._length || top > down._length) continue;
    const ring = document.createElement("div");
    ring.className = "ring";
    Object.assign(ring.style, { position: "absolute", left: `${across._offset + left - 12}px`, top: `${down._offset + top - 12}px`,
      width: "20px", height: "20px", borderRadius: "50%", border: `3px solid ${state.data.colour}`,
      boxShadow: `0 0 0 2px ${state.data.halo}` });
    state.layer.append(ring);
  }
}
