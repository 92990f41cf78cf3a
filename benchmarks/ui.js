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
window.watch = () => {
  const before = shownPicks(), seen = (window.seen = {});
  const app = document.querySelector("[data-testid=stApp]");
  const runs = () => app.dataset.testScriptState === "running";
  const let_go = () => Object.assign(seen, { released: performance.now(), ran: runs(), idle: undefined, pixels: undefined });
  for (const kind of ["pointerup", "keydown"]) addEventListener(kind, let_go, { capture: true });
  const states = new MutationObserver(() => {
    if (!runs()) {
      if (seen.ran) seen.idle ??= performance.now(); // later ones are of fragments
    } else if (seen.released) {
      seen.ran = true;
      if (performance.now() - seen.idle < QUIET) seen.idle = undefined; // that was the answer to an earlier value
    }
  });
  states.observe(app, { attributes: true, attributeFilter: ["data-test-script-state"] });
  const look = () => {
    const now = shownPicks();
    if (seen.over) return;
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

performance.setResourceTimingBufferSize(10000); // the galleries alone would fill it

// Milliseconds from the first request for an array to the first picture; undefined until there is one.
window.firstPicture = () => window.firstDrawn - Math.min(...performance.getEntriesByType("resource")
  .filter((entry) => entry.name.includes("/api/array/")).map((entry) => entry.startTime));
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

// The same of a canvas that draws as many points into as many places and does nothing else.
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
