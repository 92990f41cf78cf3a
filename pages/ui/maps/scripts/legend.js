// What colours and shapes mean; its entries filter.
import { marker } from "./overlay.js";
import { button } from "./toolbar.js";

const LISTED = 20;

export function legend(view) {
  const shown = [...new Set(view.panels.map((panel) => panel.channel))];
  const parts = [];
  for (const channel of shown) parts.push(channel.kind === "category" ? categories(view, channel) : bar(view, channel));
  const styles = new Map(view.panels.filter((panel) => panel.spec.picks.length).map((panel) => [panel.spec.style.label, panel.spec.style]));
  const shapes = [...styles.values()].map((style) => entry(view, `${style.label || "picks"}`, symbol(view, style), "the picks", view.hiddenMethods, style.label));
  if (view.data.panels.some((panel) => panel.peaks)) shapes.push(peaksEntry(view));
  if (shapes.length) parts.push(group("Shapes", shapes));
  const focused = view.key.getRootNode().activeElement?.dataset?.entry;
  view.key.replaceChildren(...parts);
  if (focused) [...view.key.querySelectorAll("button")].find((one) => one.dataset.entry === focused)?.focus();
}

function group(name, entries) {
  const made = document.createElement("div");
  made.setAttribute("role", "group");
  made.setAttribute("aria-label", name);
  made.append(...entries);
  return made;
}

function bar(view, channel) {
  const scale = document.createElement("i");
  scale.className = "scale";
  scale.style.background = `linear-gradient(to right, ${view.look.scale.join(", ")})`;
  const text = (words) => Object.assign(document.createElement("span"), { textContent: words });
  const end = (number, sign, beyond) => (beyond ? `${sign} ` : "") + number.toFixed(channel.digits);
  return group(channel.name, [
    text(channel.name), text(end(channel.low, "≤", channel.below)), scale, text(end(channel.high, "≥", channel.above)),
  ]);
}

function categories(view, channel) {
  if (channel.count > LISTED) {
    const note = `${channel.name}: ${channel.count.toLocaleString("en")} share ${view.look.categorical.length} colours; point at an image for its own`;
    return group(channel.name, [Object.assign(document.createElement("span"), { textContent: note })]);
  }
  if (!view.hiddenCodes.has(channel.name)) view.hiddenCodes.set(channel.name, new Set());
  const hidden = view.hiddenCodes.get(channel.name), entries = [];
  for (let id = 0; id < channel.count; id++) {
    const dot = document.createElement("i");
    dot.className = "dot";
    dot.style.background = view.look.categorical[id % view.look.categorical.length];
    entries.push(entry(view, channel.names?.[id] ?? `${channel.name} ${id}`, dot, channel.name, hidden, id + 1));
  }
  return group(channel.name, entries);
}

function entry(view, name, sign, what, hidden, code) {
  const made = button(name, `Dim or show ${what} ${name}`, () => {
    if (!hidden.delete(code)) hidden.add(code);
    view.fill();
    legend(view);
  }, !hidden.has(code));
  made.prepend(sign);
  made.dataset.entry = `${what} ${name}`;
  return made;
}

function peaksEntry(view) {
  const sign = Object.assign(document.createElement("i"), { className: "peak" });
  const made = button("density peak", "Hide or show the density peaks", () => {
    view.peaksShown = !view.peaksShown;
    view.ask();
    legend(view);
  }, view.peaksShown);
  made.prepend(sign);
  made.dataset.entry = "peaks";
  return made;
}

function symbol(view, style) {
  const canvas = document.createElement("canvas"), side = 18;
  [canvas.width, canvas.height] = [2 * side, 2 * side];
  canvas.className = "symbol";
  const context = canvas.getContext("2d");
  context.scale(2, 2);
  context.fillStyle = style.colour;
  context.strokeStyle = view.look.outline;
  marker(context, style.symbol, side / 2, side / 2, 5.5);
  context.fill();
  context.stroke();
  return canvas;
}
