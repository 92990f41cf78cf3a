// What keeps the maps or their pictures waiting, over the stage for those who see and said to those who do not.
export class Notice {
  // live: the element that screen readers read out.
  constructor(element, live) {
    this.element = element;
    this.live = live;
    this.texts = new Map(); // by what they are about
    element.setAttribute("aria-hidden", "true"); // the same words are said
    element.hidden = true;
  }

  // text: "" once there is nothing to wait for.
  tell(about, text) {
    const before = this.texts.get(about) ?? "";
    if (text === before) return;
    if (text) this.texts.set(about, text);
    else this.texts.delete(about);
    this.element.replaceChildren(...[...this.texts.values()].map((line) => Object.assign(document.createElement("span"), { textContent: line })));
    this.element.hidden = !this.texts.size;
    if (text || this.live.textContent === before) this.live.textContent = text;
  }
}
