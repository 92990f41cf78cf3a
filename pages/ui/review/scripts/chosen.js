// The chosen pick: its picture, what is known of it, and everything that can be done about it.
import { badges, element, picture, statesOf } from "./list.js";

export const ACTIONS = [
  ["accept", "Accept", "a", "It is worth its label, and stays when settings change; once more takes it back"],
  ["veto", "Veto", "x", "Never pick it; the next best of its place comes at once"],
  ["swap", "Swap", "s", "Take the first runner-up in its place"],
  ["pin", "Pin", "p", "Keep it, whatever the settings are changed to"],
  ["labelled", "Labelled already", "l", "It has a label elsewhere, so it costs none; the next best takes its place"],
];
const MOVES = [
  ["previous", "←", "←", "The pick before (also k)"], ["next", "→", "→", "The pick after (also j)"],
  ["undo", "Undo", "z", "Take the last action back"], ["redo", "Redo", "y", "Do again what was taken back"],
];

// The parts that keep what somebody is typing are made once; the rest is filled in again and again.
export function build(desk) {
  const { place } = desk;
  desk.title = element("p", { className: "title" });
  desk.frame = element("div", { className: "frame" });
  desk.facts = element("div", { className: "facts" });
  desk.flags = element("ul", { className: "flags", ariaLabel: "Why it is flagged" });
  desk.buttons = element("div", { className: "buttons", role: "group", ariaLabel: "Actions" });
  desk.moves = element("div", { className: "buttons moves", role: "group", ariaLabel: "Moves" });
  desk.numbers = element("div", { className: "numbers", role: "group", ariaLabel: "Classes by number" });
  desk.label = field("Class (c)", "type a class, Enter");
  desk.note = field("Note (n)", "anything worth knowing");
  const known = element("datalist", { id: "known-classes" });
  desk.known = known;
  desk.label.input.setAttribute("list", known.id);
  desk.spares = element("ol", { className: "spares", ariaLabel: "Runners-up, the best first: a click swaps" });
  desk.sparesTitle = element("p", { className: "small" });
  for (const [kind, text, key, help] of ACTIONS) desk.buttons.append(action(desk, kind, text, key, help));
  for (const [kind, text, key, help] of MOVES) desk.moves.append(action(desk, kind, text, key, help));
  desk.label.input.onkeydown = (event) => {
    if (event.key === "Enter") desk.labelAs(desk.label.input.value);
  };
  desk.note.input.onkeydown = (event) => { if (event.key === "Enter") desk.keepNote(true); };
  desk.note.input.onblur = () => desk.keepNote(false);
  place.append(desk.title, desk.frame, desk.facts, desk.flags, desk.buttons, desk.moves, desk.label.whole, desk.numbers, desk.note.whole, desk.sparesTitle, desk.spares, known);
}

export function fill(desk) {
  const { model } = desk, pick = model.pick;
  desk.place.hidden = !pick;
  if (!pick) return;
  const states = statesOf(pick);
  desk.title.replaceChildren(element("strong", { textContent: `Pick ${pick.rank} of ${model.picks.length}` }), badges(states), element("bdi", { textContent: pick.file, title: pick.text }));
  if (desk.frame.dataset.src !== pick.src) {
    desk.frame.dataset.src = pick.src;
    desk.frame.replaceChildren(picture(pick.src.replace("/small/", "/large/")));
    desk.frame.firstChild.alt = pick.text;
  }
  desk.facts.textContent = [pick.label && `label: ${pick.label}`, ...states.map(([, , words]) => words)].filter(Boolean).join(" · ") || "not decided yet";
  desk.flags.replaceChildren(...pick.flags.map((reason) => element("li", { textContent: `⚑ ${reason}` })));
  const spares = pick.spares ?? []; // those of picks far from the chosen one are not known yet
  const able = { swap: spares.length > 0, previous: model.place > 0, next: model.place < model.picks.length - 1, undo: model.data.undo !== "" || model.pending.length > 0, redo: model.data.redo !== "" };
  for (const button of desk.place.querySelectorAll("[data-act]")) {
    const kind = button.dataset.act;
    button.disabled = able[kind] === false;
    if (kind === "pin") button.setAttribute("aria-pressed", String(pick.pinned));
    if (kind === "accept") button.setAttribute("aria-pressed", String(pick.accepted));
    if (kind === "undo" || kind === "redo") button.title = model.data[kind] ? `${button.dataset.help}: ${model.data[kind]}` : button.dataset.help;
  }
  if (desk.known.dataset.shown !== JSON.stringify(desk.classes)) {
    desk.known.dataset.shown = JSON.stringify(desk.classes);
    desk.known.replaceChildren(...desk.classes.map((name) => element("option", { value: name })));
    desk.numbers.replaceChildren(...desk.classes.slice(0, 9).map((name, at) => numbered(desk, name, at + 1)));
  }
  for (const button of desk.numbers.children) button.setAttribute("aria-pressed", String(button.dataset.name === pick.label));
  if (desk.shownRow !== pick.row) { // what was begun for another image is not for this one
    desk.shownRow = pick.row;
    desk.label.input.value = "";
    desk.note.input.value = pick.note;
    desk.noted = pick.note;
  } else if (desk.noted !== pick.note && !desk.isTyping(desk.note.input)) {
    desk.note.input.value = desk.noted = pick.note;
  }
  desk.sparesTitle.textContent = spares.length ? "Runners-up of its place; a click swaps" : pick.cluster < 0 ? "This method has no runners-up; a veto asks it for another one." : pick.spares ? "Nothing else of its cluster could take its place." : "";
  const wanted = JSON.stringify(spares);
  if (desk.spares.dataset.shown !== wanted) {
    desk.spares.dataset.shown = wanted;
    desk.spares.replaceChildren(...spares.map((spare) => runnerUp(desk, spare)));
  }
}

function action(desk, kind, text, key, help) {
  const button = element("button", { type: "button", title: help }, element("span", { textContent: text }));
  if (key !== text) button.append(element("kbd", { textContent: key }));
  button.dataset.act = kind;
  button.dataset.help = help;
  button.setAttribute("aria-label", kind === "previous" || kind === "next" ? `${kind} pick` : text);
  button.setAttribute("aria-keyshortcuts", { "←": "ArrowLeft", "→": "ArrowRight" }[key] ?? key);
  button.onclick = () => desk.do(kind);
  return button;
}

function field(name, hint) {
  const input = element("input", { type: "text", placeholder: hint, maxLength: 500, autocomplete: "off" });
  return { whole: element("label", {}, element("span", { textContent: name }), input), input };
}

function numbered(desk, name, number) {
  const button = element("button", { type: "button", title: `Label it ${name}` }, element("kbd", { textContent: number }), element("span", { textContent: name }));
  button.dataset.name = name;
  button.onclick = () => desk.labelAs(name);
  return button;
}

function runnerUp(desk, spare) {
  const button = element("button", { type: "button", title: `Swap for ${spare.text}` }, picture(spare.src), element("span", { textContent: spare.about }));
  button.setAttribute("aria-label", `Swap for ${spare.text}`);
  button.onclick = () => desk.swap(spare.row);
  return element("li", {}, button);
}
