// The whole component as a picture, twice as fine as the screen shows it.
const FINER = 2;

export function picture(view) {
  const ratio = FINER * view.ratio, canvas = document.createElement("canvas"), { background } = view;
  [canvas.width, canvas.height] = [view.stage.clientWidth, view.stage.clientHeight].map((value) => Math.round(value * ratio));
  const context = canvas.getContext("2d");
  context.fillStyle = view.look.background;
  context.fillRect(0, 0, canvas.width, canvas.height);
  const size = [background.width, background.height];
  [background.width, background.height] = [canvas.width, canvas.height];
  view.paint(ratio);
  context.drawImage(background, 0, 0);
  [background.width, background.height] = size;
  view.painted = "";
  context.scale(ratio, ratio);
  view.cover(context);
  view.ask();
  return canvas;
}
