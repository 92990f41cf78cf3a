// The legend of more classes or clusters than fit into lines: a list that scrolls and can be searched.
import { nameOf } from "./palette.js";
import { button } from "./toolbar.js";

const MOST = 500; // entries at a time; the rest is found by typing

// ids: all of them. entry: makes the button of an id. redraw: after the filter changed.
export function many(view, channel, ids, hidden, entry, redraw) {
  view.searched ??= new Map();
  const words = element("span", `${channel.name}: ${channel.sharing || `${ids.length.toLocaleString("en")}, a colour each`}`);
  const search = Object.assign(element("input"), { type: "search", placeholder: "Find", value: view.searched.get(channel.name) ?? "" });
  search.setAttribute("aria-label", `Find a ${channel.name} in the legend`);
  search.dataset.entry = `find ${channel.name}`;
  const list = element("div");
  list.className = "list";
  list.setAttribute("role", "group");
  list.setAttribute("aria-label", `${channel.name}, a button each; the arrow keys go from one to the next`);
  list.dataset.entry = `list ${channel.name}`;
  const matching = () => matches(channel, ids, search.value);
  const fill = () => {
    const found = matching(), rest = found.length - MOST;
    list.replaceChildren(...found.slice(0, MOST).map(entry));
    reached(list, [...list.children].find((one) => one.dataset.entry === view.reached) ?? list.firstChild);
    if (!found.length) list.append(element("span", `No ${channel.name} is called so.`));
    if (rest > 0) list.append(element("span", `and ${rest.toLocaleString("en")} more: type to find them`));
  };
  search.oninput = () => { view.searched.set(channel.name, search.value); fill(); };
  search.onkeydown = (event) => event.stopPropagation(); // Streamlit has shortcuts of one letter
  list.addEventListener("focusin", ({ target }) => { view.reached = target.dataset.entry; reached(list, target); });
  list.onkeydown = (event) => step(list, event);
  const all = (text, help, act) => {
    const made = button(text, help, () => { for (const id of matching()) act(id + 1); redraw(); });
    made.dataset.entry = `${text} ${channel.name}`;
    return made;
  };
  fill();
  const head = element("div");
  head.append(
    words, search,
    all("Show all", `Show every ${channel.name} that the search finds`, (code) => hidden.delete(code)),
    all("Dim all", `Dim every ${channel.name} that the search finds`, (code) => hidden.add(code)),
  );
  return [head, list];
}

// Tab stops once in a list, not at each of hundreds.
function reached(list, one) { for (const other of list.querySelectorAll("button")) other.tabIndex = other === one ? 0 : -1; }

function step(list, event) {
  const all = [...list.querySelectorAll("button")], at = all.indexOf(event.target);
  const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  all[Math.max(0, Math.min(all.length - 1, to))].focus();
}

// Whoever is called just so comes first.
function matches(channel, ids, text) {
  const plain = (name) => name.normalize("NFKC").toLocaleLowerCase(), wanted = plain(text.trim());
  if (!wanted) return ids;
  const found = ids.filter((id) => plain(nameOf(channel, id)).includes(wanted));
  return [...found.filter((id) => plain(nameOf(channel, id)) === wanted), ...found.filter((id) => plain(nameOf(channel, id)) !== wanted)];
}

function element(tag, text = "") { return Object.assign(document.createElement(tag), { textContent: text }); }
