// The picks as thumbnails in rank order. Tab goes to the list once; the arrow keys move inside it.
export const STATES = [
  ["accepted", "✓", "accepted"], ["swapped", "⇄", "came in for another"], ["pinned", "◆", "pinned"],
  ["labelled", "●", "has a label"], ["flagged", "⚑", "flagged"], ["noted", "✎", "has a note"],
];

export function statesOf(pick) {
  const holds = { ...pick, flagged: pick.flags.length > 0, noted: pick.note !== "" };
  return STATES.filter(([name]) => holds[name]);
}

// Buttons stay and get new contents: one that is replaced between press and release of the mouse is never clicked.
export function drawList(list, model) {
  const had = list.contains(list.getRootNode().activeElement);
  while (list.children.length > model.picks.length) list.lastChild.remove();
  while (list.children.length < model.picks.length) list.append(element("li", {}, element("button", { type: "button" })));
  model.picks.forEach((pick, at) => {
    const entry = list.children[at], button = entry.firstChild, chosen = pick === model.pick;
    fillCell(button, pick, model);
    button.setAttribute("aria-current", String(chosen));
    button.tabIndex = chosen ? 0 : -1;
    if (!chosen) return;
    intoView(list, entry);
    if (had) button.focus({ preventScroll: true });
  });
}

// Scrolls the list alone, never the page.
function intoView(list, entry) {
  if (entry.offsetTop < list.scrollTop) list.scrollTop = entry.offsetTop - 4;
  else if (entry.offsetTop + entry.offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = entry.offsetTop + entry.offsetHeight - list.clientHeight + 4;
}

function fillCell(button, pick, model) {
  button.onclick = () => model.choose(pick.row);
  const { row, rank, src, text, about, label, decided } = pick, states = statesOf(pick);
  const wanted = JSON.stringify([row, rank, src, text, about, label, decided, states]);
  if (button.dataset.shown === wanted) return;
  button.dataset.shown = wanted;
  button.dataset.row = row;
  button.title = text;
  button.setAttribute("aria-label", [`Pick ${rank}`, text, label && `label ${label}`, ...states.map(([, , words]) => words)].filter(Boolean).join(", "));
  button.classList.toggle("open", !decided);
  const picked = button.querySelector("img")?.getAttribute("src") === new URL(src, document.baseURI).href ? button.querySelector("img") : picture(src);
  button.replaceChildren(picked, element("b", { textContent: rank }), badges(states), element("span", { textContent: label || about, className: label ? "label" : "" }));
}

export function legend() {
  const entries = STATES.map(([name, sign, words]) => element("span", {}, element("i", { className: name, textContent: sign }), words));
  return element("p", { className: "legend" }, ...entries);
}

export function badges(states) {
  const row = element("em", { ariaHidden: "true" });
  for (const [name, sign, words] of states) row.append(element("i", { className: name, textContent: sign, title: words }));
  return row;
}

export function picture(src) {
  const image = element("img", { loading: "lazy", alt: "", src: new URL(src, document.baseURI).href });
  image.onerror = () => image.replaceWith(element("s", { textContent: "gone" }));
  return image;
}

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
