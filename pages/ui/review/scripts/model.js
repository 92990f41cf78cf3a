// The picks as Python told them, and on top of that what was done since and is not confirmed yet. Every action is kept until
// Python has answered it, and sent again with those that follow: a quick hand loses nothing.
const ANSWER = 3000; // milliseconds until an answer counts as lost

export class Model {
  // send: takes { stream, tries, events } to Python. changed: called when there is something else to show.
  constructor(send, changed) {
    this.send = send;
    this.changed = changed;
    this.stream = crypto.getRandomValues(new Uint32Array(2)).join("-");
    this.last = this.tries = 0;
    this.pending = [];
    this.waiting = null;
    this.chosen = null;
  }

  // What Python says.
  take(data) {
    this.data = data;
    const answered = data.answered?.stream === this.stream ? data.answered.n : 0;
    this.pending = this.pending.filter((event) => event.n > answered);
    if (!this.pending.length || this.chosen === null) this.chosen = data.chosen;
    if (this.waiting !== null && answered >= this.waiting) this.waiting = null;
    clearTimeout(this.timer);
    this.replay();
    if (this.pending.length) this.waiting === null ? this.deliver() : this.watch();
  }

  act(kind, row = null, value = null) {
    const before = this.pending.at(-1);
    if (kind === "choose" && before?.kind === "choose" && before.n > (this.waiting ?? 0)) this.pending.pop(); // only where one ends counts
    this.pending.push({ n: ++this.last, kind, row, value });
    this.replay();
    if (this.waiting === null) this.deliver();
    this.changed();
  }

  // One message is under way at a time; what comes meanwhile goes with the next.
  deliver() {
    this.waiting = this.pending.at(-1).n;
    this.send({ stream: this.stream, tries: this.tries, events: this.pending });
    this.watch();
  }

  watch() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (!this.pending.length) return;
      this.tries++;
      this.deliver();
    }, ANSWER * 2 ** Math.min(this.tries, 4));
  }

  stop() { clearTimeout(this.timer); }

  replay() {
    this.picks = this.data.picks.map((pick) => ({ ...pick }));
    for (const event of this.pending) predict(this.picks, event);
    for (const event of this.pending) if (this.chosen === event.row) this.chosen = this.picks.find((pick) => pick.was?.includes(event.row))?.row ?? this.chosen;
  }

  get place() { return Math.max(0, this.picks.findIndex((pick) => pick.row === this.chosen)); }
  get pick() { return this.picks[this.place]; }
  get decided() { return this.picks.filter((pick) => pick.decided).length; }

  choose(row) {
    if (row === this.chosen && !this.data.away) return; // away: another image is looked at meanwhile
    this.chosen = row;
    this.act("choose", row);
  }

  step(by) {
    const next = this.picks[this.place + by];
    if (next) this.choose(next.row);
  }

  // The next pick that nobody has decided on, below and then from the top; the next one where all are.
  advance() {
    const here = this.place, order = [...this.picks.slice(here + 1), ...this.picks.slice(0, here)];
    const next = order.find((pick) => !pick.decided) ?? this.picks[here + 1];
    if (next) this.choose(next.row);
  }
}

// What Python will most likely make of an action.
function predict(picks, { kind, row, value }) {
  const at = picks.findIndex((pick) => pick.row === row), pick = picks[at];
  if (!pick) return;
  if (kind === "accept") pick.accepted = value !== false;
  if (kind === "pin") pick.pinned = value;
  if (kind === "label") Object.assign(pick, { label: value, labelled: value !== "", accepted: pick.accepted || value !== "" });
  if (kind === "note") pick.note = value;
  pick.decided = pick.accepted || pick.pinned || pick.labelled;
  if (kind === "veto" || kind === "labelled" || kind === "swap") {
    const other = kind === "swap" ? pick.spares?.find((spare) => spare.row === value) : pick.spares?.[0];
    if (!other) return; // Python knows what comes
    const { rank, cluster } = pick, left = pick.spares.filter((spare) => spare !== other);
    picks[at] = { ...other, rank, cluster, was: [...(pick.was ?? []), row], spares: left, flags: [], swapped: true, accepted: false, pinned: false, labelled: false, label: "", note: "", decided: false };
  }
}
