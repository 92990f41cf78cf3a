// What colours and shapes mean; its entries filter.
import { many } from "./many.js";
import { marker } from "./overlay.js";
import { colourOf, nameOf } from "./palette.js";
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
  // What has the keys, and how far lists are scrolled, outlives the old elements.
  const focused = view.key.getRootNode().activeElement?.dataset?.entry, entries = () => [...view.key.querySelectorAll("[data-entry]")];
  const scrolled = new Map(entries().map((one) => [one.dataset.entry, one.scrollTop]));
  view.key.replaceChildren(...parts);
  for (const one of entries()) {
    one.scrollTop = scrolled.get(one.dataset.entry) ?? 0;
    if (focused && one.dataset.entry === focused) one.focus({ preventScroll: true });
  }
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
  if (!view.hiddenCodes.has(channel.name)) view.hiddenCodes.set(channel.name, new Set());
  const hidden = view.hiddenCodes.get(channel.name), ids = [...Array(channel.count).keys()];
  const one = (id) => {
    const dot = document.createElement("i");
    dot.className = "dot";
    dot.style.background = colourOf(channel, view.look, id);
    const name = channel.names || channel.listed || channel.count > LISTED ? nameOf(channel, id) : `${channel.name} ${id}`;
    return entry(view, name, dot, channel.name, hidden, id + 1, ids);
  };
  if (channel.count <= LISTED) return group(channel.name, ids.map(one));
  const made = group(channel.name, many(view, channel, ids, hidden, one, () => { view.fill(); legend(view); }));
  made.className = "many";
  return made;
}

// all: ids, of which Shift leaves this one alone.
function entry(view, name, sign, what, hidden, code, all) {
  const help = `Dim or show ${what} ${name}${all ? "; with Shift, no other" : ""}`;
  const made = button(name, help, (event) => {
    if (all && event.shiftKey) for (const id of all) hidden[id + 1 === code ? "delete" : "add"](id + 1);
    else if (!hidden.delete(code)) hidden.add(code);
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
  marker(context, style.corners, side / 2, side / 2, 5.5);
  context.fill();
  context.stroke();
  return canvas;
}
