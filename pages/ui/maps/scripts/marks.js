// How large and how strong the marks are, by how many there are, how much of how large a panel they fill and how near one looks.
const LARGEST_PICK = 7, SMALLEST_PICK = 2.2; // pixels from the middle to the rim, in the first view
const PICKS_SHARE = 0.16; // of the area where there are points, that the picks may cover
const FULL = 0.25; // a map that fills so much of its panel is as full as they get
const LARGEST_POINT = 6.5, SMALLEST_POINT = 2, FAINTEST = 1.4; // pixels across: of up to 50,000, and of a million

const between = (low, value, high) => Math.min(high, Math.max(low, value));

// { radius, outline }: in pixels.
export function pickLook(view, panel) {
  const m = Math.max(panel.spec.picks.length, 1), filled = view.data.xy.fill * panel.width * panel.height;
  const share = Math.sqrt((PICKS_SHARE * filled) / (Math.PI * m)), smallest = Math.max(SMALLEST_PICK, 4 - 0.6 * Math.log10(m));
  const largest = LARGEST_PICK * between(0.7, Math.min(panel.width, panel.height) / 440, 1.1);
  const radius = between(smallest, share, largest) * between(0.85, view.nearness() ** 0.35, 3);
  const shown = Math.min(radius, 1.25 * largest);
  return { radius: shown, outline: between(0.5, shown / 5, 1.4) };
}

// { size, strength }: pixels across, and how many times as opaque as the palette says. What is too many for marks that can be
// seen is drawn fainter, so that the eye still gets how many lie on one spot.
export function pointLook(view, panel) {
  const crowded = between(0.05, view.data.xy.fill / FULL, 1) ** 0.25;
  const wanted = 0.42 * crowded * Math.sqrt((panel.width * panel.height) / view.data.n) * view.nearness() ** 0.7;
  const largest = LARGEST_POINT * between(1, view.nearness() ** 0.15, 1.6);
  const smallest = between(FAINTEST, SMALLEST_POINT * (50_000 / view.data.n) ** 0.12, SMALLEST_POINT);
  const size = between(smallest, wanted, largest);
  return { size, strength: between(0.3, (wanted / size) ** 0.7, 1.3) };
}
