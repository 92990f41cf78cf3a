// What Streamlit calls: once when the component appears, and again whenever Python says something new.
import { build, fill } from "./chosen.js";
import { drawList, element, legend } from "./list.js";
import { Model } from "./model.js";

const desks = new WeakMap();
const BY_KEY = {
  a: "accept", Enter: "accept", x: "veto", Delete: "veto", s: "swap", p: "pin", l: "labelled", c: "class", n: "note", z: "undo", u: "undo",
  y: "redo", ArrowLeft: "previous", ArrowUp: "previous", k: "previous", ArrowRight: "next", ArrowDown: "next", j: "next",
};

export function show({ data, parentElement, setStateValue }) {
  let desk = desks.get(parentElement);
  if (!desk) desks.set(parentElement, (desk = new Desk(parentElement.querySelector(".desk"))));
  desk.send = (log) => setStateValue("log", log);
  desk.take(data);
}

export function hide({ parentElement }) {
  desks.get(parentElement)?.model.stop();
  desks.delete(parentElement);
}

class Desk {
  constructor(root) {
    this.root = root;
    root.replaceChildren();
    root.tabIndex = -1; // a click anywhere in it is enough for the keys
    this.progress = element("p", { className: "progress" });
    this.bar = element("progress", { max: 1 });
    this.list = element("ol", { className: "picks" });
    this.place = element("section", { className: "chosen", ariaLabel: "The chosen pick" });
    this.live = element("p", { className: "live" });
    this.live.setAttribute("aria-live", "polite");
    const left = element("div", { className: "left" }, element("div", { className: "head" }, this.progress, this.bar), this.list, legend());
    root.append(left, this.place, this.live);
    root.onkeydown = (event) => this.key(event);
    this.model = new Model((log) => this.send(log), () => this.draw());
    build(this);
    root.review = this; // for tests and for the curious
  }

  take(data) {
    this.model.take(data);
    this.list.setAttribute("aria-label", data.title);
    if (data.said && data.said !== this.said) this.live.textContent = data.said;
    this.said = data.said;
    this.draw();
  }

  draw() {
    const { model } = this;
    this.classes = [...new Set([...model.data.classes, ...model.pending.filter((event) => event.kind === "label").map((event) => event.value)])];
    this.progress.textContent = `${model.decided} of ${model.picks.length} decided`;
    this.bar.max = model.picks.length || 1;
    this.bar.value = model.decided;
    this.bar.ariaLabel = this.progress.textContent;
    drawList(this.list, model);
    fill(this);
    this.root.dataset.pending = model.pending.length;
    this.root.dataset.chosen = model.pick?.row ?? "";
  }

  isTyping(element) { return this.root.getRootNode().activeElement === element; }

  key(event) {
    if (event.ctrlKey && !event.altKey && !event.metaKey && !event.target.matches("input") && "zy".includes(event.key)) {
      event.preventDefault();
      return this.do(BY_KEY[event.key]);
    }
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.matches("input")) {
      if (event.key === "Escape") this.focus();
      return;
    }
    if (event.key === "Enter" && !event.target.closest(".picks")) return; // that presses the button that has the focus
    const name = /^[1-9]$/.test(event.key) ? this.classes[event.key - 1] : undefined, kind = BY_KEY[event.key] ?? BY_KEY[event.key.toLowerCase()];
    if (name === undefined && kind === undefined) return;
    event.preventDefault();
    if (event.repeat && kind !== "previous" && kind !== "next") return; // a key that is held decides once
    if (name !== undefined) this.labelAs(name);
    else this.do(kind);
  }

  do(kind) {
    const { model } = this, pick = model.pick;
    if (!pick) return;
    if (kind === "previous") return model.step(-1);
    if (kind === "next") return model.step(1);
    if (kind === "class") return this.label.input.focus();
    if (kind === "note") return this.note.input.select();
    if (kind === "swap") return pick.spares?.length ? this.swap(pick.spares[0].row) : undefined;
    if (kind === "undo" || kind === "redo") return model.act(kind);
    if (kind === "accept" && pick.accepted) return model.act(kind, pick.row, false);
    model.act(kind, pick.row, kind === "pin" ? !pick.pinned : null);
    if (kind === "accept") model.advance();
  }

  swap(row) { this.model.act("swap", this.model.pick.row, row); }

  labelAs(name) {
    const label = name.trim();
    if (label === "") return;
    const same = this.model.pick.label === label; // once more takes it off
    this.model.act("label", this.model.pick.row, same ? "" : label);
    if (!same) this.model.advance();
    this.focus();
  }

  // back: to the list, from where keys act again.
  keepNote(back) {
    const pick = this.model.pick, note = this.note.input.value.trim();
    if (pick && this.shownRow === pick.row && note !== pick.note) {
      this.noted = note;
      this.model.act("note", pick.row, note);
    }
    if (back) this.focus();
  }

  focus() { this.list.querySelector("[aria-current=true]")?.focus({ preventScroll: true }); }
}
