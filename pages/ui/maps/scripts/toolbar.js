// The buttons above the maps.
import * as edges from "./edges.js";
import { names } from "./labels.js";
import { picture } from "./picture.js";
import { clear } from "./pointer.js";

const TOOLS = { pan: "Move", box: "Box", lasso: "Lasso" };
const HELP = {
  pan: "Drag to move, wheel or pinch to zoom", box: "Drag a box around images to select them",
  lasso: "Draw around images to select them; also with Shift held",
};

export function toolbar(view) {
  const tools = view.data.selectable ? Object.keys(TOOLS) : [];
  const buttons = tools.map((tool) => button(TOOLS[tool], HELP[tool], () => { view.tool = tool; toolbar(view); }, view.tool === tool));
  buttons.push(
    button("+", "Zoom in", () => view.zoom(1.5)),
    button("−", "Zoom out", () => view.zoom(1 / 1.5)),
    button("Fit", "Show everything again", () => look(view, () => view.fit())),
    ...(view.pictures.offered ? [button("Pictures", "Show images in place of points (p)", () => view.pictures.toggle(), view.pictures.on)] : []),
    ...names(view),
    button("PNG", "Save the maps as a picture, twice as fine as on the screen", () => save(view)),
  );
  if (view.isFramed()) buttons.splice(-1, 0, button("99 %", "The first view again, without the few images far from all others", () => look(view, () => view.goHome())));
  if (view.selection) buttons.push(button("Clear selection", "Select nothing (Escape)", () => clear(view)));
  const focused = [...view.bar.children].indexOf(view.bar.getRootNode().activeElement);
  view.bar.replaceChildren(...buttons);
  if (focused >= 0) view.bar.children[Math.min(focused, buttons.length - 1)].focus();
}

function look(view, move) {
  move();
  view.say(edges.sentence(view));
}

export function button(text, help, act, pressed) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.title = help;
  made.setAttribute("aria-label", text.length < 2 ? help : `${text}: ${help}`);
  if (pressed !== undefined) made.setAttribute("aria-pressed", String(pressed));
  made.onclick = act;
  return made;
}

function save(view) {
  picture(view).toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${view.data.name}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
}
