// The card beside the pointer: a picture of the image, its name and class, and a line for each channel.
import { value } from "./palette.js";

const told = new Map(); // what the server said of a row, by address

export class Card {
  constructor(element) {
    this.element = element;
    element.setAttribute("role", "tooltip");
    this.picture = element.appendChild(document.createElement("img"));
    this.picture.alt = "";
    this.lines = element.appendChild(document.createElement("div"));
    this.hide();
  }

  hide() {
    this.element.hidden = true;
    this.row = undefined;
  }

  // then: called with all that the card says once it is known.
  async show(view, panel, row, place, then) {
    this.place(view, place);
    if (this.row === row && this.panel === panel.index && !then) return;
    [this.row, this.panel] = [row, panel.index];
    this.element.hidden = false;
    this.element.dataset.row = row;
    const { data } = view, at = panel.spec.picks.indexOf(row);
    const facts = data.channels.map((channel) => `${channel.name} ${value(channel, view.codesOf(channel)[row])}`);
    if (at >= 0) facts.unshift(`${panel.spec.style.label || "pick"} ${at + 1}` + (panel.spec.clusters ? ` of cluster ${panel.spec.clusters[at]}` : ""));
    this.picture.hidden = !data.thumbnails;
    if (data.thumbnails) this.picture.src = new URL(data.thumbnails.replace("{row}", row), document.baseURI).href;
    const head = (words) => [words.file, words.class].filter(Boolean);
    this.write([...head(told.get(`${data.words} ${row}`) ?? {}), ...facts]);
    this.element.setAttribute("aria-busy", "true"); // until the server told the name
    const words = data.words ? await about(data.words, row) : {};
    if (this.row !== row || this.panel !== panel.index) return;
    this.element.setAttribute("aria-busy", "false");
    this.write([...head(words), ...facts]);
    this.place(view, place);
    then?.([...head(words), ...facts].join(", "));
  }

  write(texts) {
    this.lines.replaceChildren(...texts.map((text) => {
      const line = document.createElement("bdi"); // names may run from right to left
      line.textContent = text;
      return line;
    }));
  }

  // Beside the pointer, or beside the picks that moved apart under it, on the side where there is room.
  place(view, [x, y]) {
    this.element.hidden = false;
    const { offsetWidth, offsetHeight } = this.element, { clientWidth, clientHeight } = view.stage;
    const [from, away] = view.fan ? [view.fan.middle[0], view.fan.reach] : [x, 16];
    const left = from + away + offsetWidth > clientWidth ? from - away - offsetWidth : from + away;
    const top = Math.min(Math.max(y - offsetHeight / 2, 0), Math.max(clientHeight - offsetHeight, 0));
    this.element.style.transform = `translate(${Math.max(0, left)}px, ${top}px)`;
  }
}

async function about(address, row) {
  const key = `${address} ${row}`;
  if (!told.has(key)) {
    const response = await fetch(new URL(address.replace("{row}", row), document.baseURI)).catch(() => null);
    const fits = response?.ok && response.headers.get("content-type")?.startsWith("application/json");
    if (!fits) return {};
    if (told.size > 5000) told.clear();
    told.set(key, await response.json());
  }
  return told.get(key);
}
