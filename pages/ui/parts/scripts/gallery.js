// Images in a grid. Each is a button that sends its row. Tab goes to the gallery once; the arrow keys move inside it.
export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector("ol");
  list.setAttribute("aria-label", data.title);
  list.style.setProperty("--cell", `${data.cell}px`);
  const wanted = JSON.stringify(data.items);
  if (list.dataset.items !== wanted) {
    list.dataset.items = wanted;
    list.replaceChildren(...data.items.map((item) => cell(item)));
  }
  for (const button of list.querySelectorAll("button")) {
    const pressed = Number(button.dataset.row) === data.pinned;
    button.setAttribute("aria-pressed", String(pressed));
    button.onfocus = () => stopAt(list, button);
    button.onclick = () => setTriggerValue("pin", Number(button.dataset.row));
  }
  stopAt(list, list.querySelector("[aria-pressed=true]") ?? list.querySelector("button[tabindex='0']") ?? list.querySelector("button"));
  list.onkeydown = (event) => {
    const buttons = [...list.querySelectorAll("button")];
    const at = buttons.indexOf(parentElement.activeElement ?? document.activeElement);
    const columns = getComputedStyle(list).gridTemplateColumns.split(" ").length;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (step === undefined || at < 0 || !buttons[at + step]) return;
    event.preventDefault();
    buttons[at + step].focus();
  };
}

function stopAt(list, wanted) {
  for (const button of list.querySelectorAll("button")) button.tabIndex = button === wanted ? 0 : -1;
}

function cell(item) {
  const image = document.createElement("img");
  image.loading = "lazy";
  image.src = new URL(item.src, document.baseURI).href;
  image.alt = item.text;
  image.onerror = () => { image.replaceWith(Object.assign(document.createElement("i"), { textContent: "gone" })); };
  const lines = item.lines.map((line) => Object.assign(document.createElement("span"), { textContent: line }));
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.row = item.row;
  button.title = item.text;
  button.append(image, ...lines);
  const entry = document.createElement("li");
  entry.append(button);
  return entry;
}
