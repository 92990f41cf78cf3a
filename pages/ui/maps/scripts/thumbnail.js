// How one picture on a map looks: its frame, and for a pick its shape and rank, so that colour is not the only sign.
import { marker } from "./overlay.js";

const CORNER = 14; // pixels; half of it lies outside

// one: { x, y, side } in pixels. draw: puts the picture there.
export function plain(context, one, colour, draw) { framed(context, one, [[1.5, colour]], draw); }

// The picture of a pick of a panel, without its signs.
export function pick(context, one, look, { style }, draw) {
  framed(context, one, [[3.5, look.outline], [2.5, style.colour]], draw);
}

// panel: where it is. look: of the theme. rank: of the pick. under: how many picks it covers, whose marks are not to be seen.
export function signs(context, one, { panel, look, font, rank, under }) {
  const { style } = panel.spec, x = corner(one.x, one.side, panel.x), y = corner(one.y, one.side, panel.y);
  context.font = `600 10px ${font}`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  const text = one.side >= 28 ? String(rank) : "", width = text ? context.measureText(text).width + 3 : 0;
  tag(context, look, x - CORNER / 2, y - CORNER / 2, CORNER + width);
  context.fillStyle = style.colour;
  context.strokeStyle = look.outline;
  context.lineWidth = 0.8;
  marker(context, style.corners, x, y, 4);
  context.fill();
  context.stroke();
  context.fillStyle = look.text;
  context.fillText(text, x + CORNER / 2 - 0.5, y + 0.5);
  if (!under) return;
  const more = `+${under}`, wide = context.measureText(more).width + 5;
  tag(context, look, one.x + one.side + 3 - wide, one.y + one.side - CORNER + 4, wide);
  context.fillStyle = look.text;
  context.fillText(more, one.x + one.side + 5.5 - wide, one.y + one.side - CORNER / 2 + 4.5);
}

// The corner of a picture, or the nearest place on its side where the rim of the panel does not cut the sign.
function corner(at, side, rim) { return Math.min(at + side / 2, Math.max(at, rim + CORNER / 2 + 1)); }

// outside: pixels between the picture and the line's middle.
export function frame(context, { x, y, side }, outside, width, colour) {
  context.lineWidth = width;
  context.lineJoin = "miter";
  context.strokeStyle = colour;
  context.strokeRect(x - outside, y - outside, side + 2 * outside, side + 2 * outside);
}

// lines: how far each reaches out, and its colour, the outermost first. A filled square costs less than a line around it, but
// would shine through a picture that is dimmed.
function framed(context, one, lines, draw) {
  const { x, y, side } = one, isDimmed = context.globalAlpha < 1;
  if (isDimmed) draw();
  for (const [reach, colour] of lines) {
    if (isDimmed) frame(context, one, reach / 2, reach, colour);
    else {
      context.fillStyle = colour;
      context.fillRect(x - reach, y - reach, side + 2 * reach, side + 2 * reach);
    }
  }
  if (!isDimmed) draw();
}

function tag(context, look, x, y, width) {
  context.fillStyle = look.rule;
  context.fillRect(x - 1, y - 1, width + 2, CORNER + 2);
  context.fillStyle = look.background;
  context.fillRect(x, y, width, CORNER);
}
