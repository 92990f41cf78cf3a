// What the group "ui" runs inside the browser; see ui.py.

const QUIET = 250, LATEST = 5000; // milliseconds: between two answers; from the hand to the beginning of one

// The first map component; it lives behind a shadow root.
let host;
window.maps = () => {
  if (!host?.isConnected) host = [...document.querySelectorAll("*")].find((element) => element.shadowRoot?.querySelector(".maps"));
  return host?.shadowRoot.querySelector(".maps");
};

// The picks and colours as they stand on the screen; null while something is still to be drawn.
window.shownPicks = () => {
  const view = maps()?.usl;
  if (view) return view.panels && view.frame === undefined ? JSON.stringify(view.panels.map((panel) => [panel.spec.picks, panel.codes])) : null;
  const traces = document.querySelector(".js-plotly-plot")?._fullData;
  return traces ? JSON.stringify(traces.filter((trace) => / pick$/.test(trace.name)).map((trace) => Array.from(trace.x))) : null;
};

// From now on: when a slider was let go, when its picks were on the screen, when the script had run to its end. A key sets the
// slider when it goes down, and a script that runs by then may be the answer: what comes before the hand has gone counts too.
// Everything is noted when it happens; who asks for it later (`seen.whole`) misses nothing.
window.watch = () => {
  const before = shownPicks(), seen = (window.seen = {});
  let app = document.querySelector("[data-testid=stApp]");
  const runs = () => app.dataset.testScriptState === "running";
  const let_go = () => Object.assign(seen, { released: performance.now(), ran: runs(), idle: undefined, pixels: undefined });
  for (const kind of ["pointerup", "keydown"]) addEventListener(kind, let_go, { capture: true });
  const note = (running) => {
    if (!running) {
      if (seen.ran) seen.idle ??= performance.now(); // later ones are of fragments
    } else if (seen.released) {
      seen.ran = true;
      if (performance.now() - seen.idle < QUIET) seen.idle = undefined; // that was the answer to an earlier value
    }
    seen.running = running;
  };
  // A run that is over before anybody is told of its beginning leaves two records: the old value of the second is "running".
  const states = new MutationObserver((records) => {
    for (const record of records.slice(1)) note(record.oldValue === "running");
    note(runs());
  });
  const observe = () => states.observe(app, { attributes: true, attributeFilter: ["data-test-script-state"], attributeOldValue: true });
  observe();
  const look = () => {
    if (seen.over) return;
    if (!app.isConnected) { // the page was drawn anew, and nobody observes it yet
      states.disconnect();
      app = document.querySelector("[data-testid=stApp]") ?? app;
      if (app.isConnected) observe();
    }
    if (runs() !== seen.running) note(runs());
    const now = shownPicks();
    if (seen.released && now !== null && now !== (seen.last ?? before)) {
      seen.last = now;
      requestAnimationFrame(() => requestAnimationFrame(() => (seen.pixels = performance.now())));
    }
    requestAnimationFrame(look);
  };
  look();
  // Whether all of it has come, and other picks if they must; QUIET after it, before the page begins to count seeds.
  seen.whole = (changing) => {
    const now = performance.now();
    if (!seen.released || runs()) return false;
    if (!seen.ran && now - seen.released > LATEST) seen.idle ??= seen.released; // it was there before the hand had gone
    const has_come = seen.pixels !== undefined || (seen.idle !== undefined && !changing);
    return has_come && now - Math.max(seen.idle ?? 0, seen.pixels ?? 0) > QUIET;
  };
  seen.stop = () => {
    seen.over = true;
    states.disconnect();
    for (const kind of ["pointerup", "keydown"]) removeEventListener(kind, let_go, { capture: true });
  };
};

// Begin a measurement that takes a while; `found` says whether it is over, and what it was.
window.found = {};
window.begin = (name, given) => {
  const result = (found[name] = { over: false });
  const end = (what) => Object.assign(result, what, { over: true });
  new Promise((resolve) => resolve(window[name](given))).then((value) => end({ value }), (error) => end({ error: String(error) }));
};

performance.setResourceTimingBufferSize(10000); // the galleries alone would fill it

// Milliseconds from the first request for an array to the first picture; null until there are both.
window.firstPicture = () => {
  const asked = performance.getEntriesByType("resource")
    .filter((entry) => entry.name.includes("/api/array/")).map((entry) => entry.startTime);
  return asked.length && window.firstDrawn ? window.firstDrawn - Math.min(...asked) : null;
};
const waitForPicture = () => {
  if (maps()?.matches("[data-drawn]:not([data-loading])")) {
    requestAnimationFrame(() => requestAnimationFrame(() => (window.firstDrawn = performance.now())));
  } else requestAnimationFrame(waitForPicture);
};
if (window === top) waitForPicture();

// Frames per second of the maps while they are moved at every frame.
window.panRate = (seconds) => new Promise((resolve) => {
  const view = maps().usl, start = performance.now(), first = view.drawn;
  let at = 0;
  const step = () => {
    if (performance.now() - start > 1000 * seconds) return resolve((view.drawn - first) / seconds);
    view.pan(view.panels[0], at++ % 60 < 30 ? 4 : -4, 1);
    requestAnimationFrame(step);
  };
  step();
});

// The same closer up, with pictures and with points alone; and how many pictures there were: most where cells have just split.
const ROUNDS = 4;
window.picturesRate = async (seconds) => {
  const view = maps().usl, { pictures } = view;
  view.camera.zoom = 2;
  const level = Math.log2(view.scale(view.panels[0]) / pictures.cell()), zoom = 2.002 * 2 ** (Math.ceil(level) - level);
  const middle = () => { view.camera.zoom = zoom; view.lookAt(0.5, 0.5); };
  const loaded = () => pictures.loader?.timer === undefined && view.frame === undefined && pictures.loader?.wanted.length > 0;
  const rates = { points: 0, framed: 0 };
  let count = 0;
  for (let round = 0; round < ROUNDS; round++) { // by turns, so that a slow second of the machine falls on both
    middle();
    rates.points += (await panRate(seconds / ROUNDS)) / ROUNDS;
    pictures.toggle();
    middle();
    do await new Promise((resolve) => setTimeout(resolve, 200)); while (!loaded());
    count = pictures.shown.flat().length;
    rates.framed += (await panRate(seconds / ROUNDS)) / ROUNDS;
    pictures.toggle();
  }
  return [rates.framed, rates.points, count];
};

// Frames per second of a canvas that draws as many points into as many places and does nothing else.
window.bareRate = ([seconds, n, panels, width, height, size]) => new Promise((resolve) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  document.body.replaceChildren(canvas);
  const gl = canvas.getContext("webgl2"), program = gl.createProgram();
  const sources = [
    [gl.VERTEX_SHADER, `attribute vec2 xy; uniform vec2 by; void main() { gl_Position = vec4(xy + by, 0, 1); gl_PointSize = ${size.toFixed(2)}; }`],
    [gl.FRAGMENT_SHADER, "precision mediump float; void main() { gl_FragColor = vec4(0.2, 0.4, 0.7, 1); }"],
  ];
  for (const [kind, source] of sources) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, Float32Array.from({ length: 2 * n }, () => Math.random() + Math.random() - 1), gl.STATIC_DRAW);
  const xy = gl.getAttribLocation(program, "xy"), by = gl.getUniformLocation(program, "by");
  gl.enableVertexAttribArray(xy);
  gl.vertexAttribPointer(xy, 2, gl.FLOAT, false, 0, 0);
  const start = performance.now();
  let frames = 0;
  const step = () => {
    if (performance.now() - start > 1000 * seconds) return resolve(frames / seconds);
    gl.clear(gl.COLOR_BUFFER_BIT);
    for (let panel = 0; panel < panels; panel++) {
      gl.viewport(Math.round((panel * width) / panels), 0, Math.round(width / panels), height);
      gl.uniform2f(by, 0.01 * Math.sin(frames / 10), 0);
      gl.drawArrays(gl.POINTS, 0, n);
    }
    frames++;
    requestAnimationFrame(step);
  };
  step();
});
