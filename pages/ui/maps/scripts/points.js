// All points of all panels by one WebGL context. Places and codes stay on the graphics card until they change.
const VERTEX = `#version 300 es
in vec2 place;
in float code;
in float shown;
uniform vec4 camera;
uniform float size;
uniform float strength;
uniform sampler2D colours;
out vec4 tint;
void main() {
  gl_Position = vec4(place * camera.xy + camera.zw, 0.0, 1.0);
  gl_PointSize = size;
  int at = int(code);
  tint = texelFetch(colours, ivec2(at & 255, at >> 8), 0);
  tint.a = min(tint.a * shown * strength, 1.0);
}`;
const FRAGMENT = `#version 300 es
precision highp float;
in vec4 tint;
uniform float size;
out vec4 colour;
void main() {
  float inside = clamp(0.5 * size + 0.5 - size * length(gl_PointCoord - 0.5), 0.0, 1.0);
  float alpha = tint.a * inside;
  colour = vec4(tint.rgb * alpha, alpha);
}`;
// A panel that looks like another one takes its pixels: most of the work is drawing points.
const WHOLE = `#version 300 es
void main() { gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0); }`;
const SAME = `#version 300 es
precision highp float;
uniform sampler2D sheet;
uniform ivec2 corner;
out vec4 colour;
void main() { colour = texelFetch(sheet, ivec2(gl_FragCoord.xy) - corner, 0); }`;
const KEPT = 24; // colourings on the card

export class NoWebGL extends Error {}

export class Points {
  // Throws NoWebGL where the browser has no WebGL 2.
  constructor(canvas) {
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl2", { alpha: true, antialias: false, premultipliedAlpha: true, powerPreference: "low-power" });
    if (!this.gl) throw new NoWebGL();
    this.build();
  }

  // Everything that a lost context takes with it.
  build() {
    const gl = this.gl;
    this.program = link(gl, VERTEX, FRAGMENT);
    this.copying = link(gl, WHOLE, SAME);
    this.corner = gl.getUniformLocation(this.copying, "corner");
    this.at = Object.fromEntries(["place", "code", "shown"].map((name) => [name, gl.getAttribLocation(this.program, name)]));
    this.uniform = Object.fromEntries(["camera", "size", "strength", "colours"].map((name) => [name, gl.getUniformLocation(this.program, name)]));
    this.codes = new Map();
    this.palettes = new Map();
    this.places = this.mask = null;
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  setPlaces(xy) {
    this.n = xy.length / 2;
    this.places = this.upload(this.places, xy);
    this.forget(this.codes, (buffer) => this.gl.deleteBuffer(buffer));
    this.setMask(null);
  }

  // The same points a little elsewhere.
  movePlaces(xy) { this.places = this.upload(this.places, xy); }

  // One byte per point: how much of its colour is left. None: all of it.
  setMask(mask) {
    if (this.mask) this.gl.deleteBuffer(this.mask);
    this.mask = mask ? this.upload(null, mask) : null;
  }

  hasCodes(key) { return this.codes.has(key); }

  setCodes(key, codes) {
    while (this.codes.size >= KEPT) {
      const [oldest, buffer] = this.codes.entries().next().value;
      this.gl.deleteBuffer(buffer);
      this.codes.delete(oldest);
    }
    this.codes.set(key, this.upload(null, codes));
  }

  // A table of 256 x 256 colours: one for each code.
  setPalette(key, rgba) {
    const gl = this.gl;
    while (this.palettes.size >= KEPT) {
      const [oldest, texture] = this.palettes.entries().next().value;
      gl.deleteTexture(texture);
      this.palettes.delete(oldest);
    }
    this.palettes.set(key, sharp(gl));
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 256, 0, gl.RGBA, gl.UNSIGNED_BYTE, rgba);
  }

  hasPalette(key) { return this.palettes.has(key); }

  // panels: { x, y, width, height } in device pixels from the upper left, camera [sx, sy, ox, oy], codes and palette keys.
  // strength: how many times as opaque as the palette says.
  draw(panels, size, strength) {
    const gl = this.gl;
    gl.disable(gl.SCISSOR_TEST);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!this.places) return;
    gl.enable(gl.SCISSOR_TEST);
    gl.useProgram(this.program);
    gl.uniform1f(this.uniform.size, size);
    gl.uniform1f(this.uniform.strength, strength);
    gl.uniform1i(this.uniform.colours, 0);
    this.attribute(this.at.place, this.places, 2, gl.FLOAT, false);
    if (this.mask) this.attribute(this.at.shown, this.mask, 1, gl.UNSIGNED_BYTE, true);
    else {
      gl.disableVertexAttribArray(this.at.shown);
      gl.vertexAttrib1f(this.at.shown, 1);
    }
    const alike = new Map();
    for (const panel of panels) {
      const codes = this.codes.get(panel.codes), palette = this.palettes.get(panel.palette);
      if (!codes || !palette) continue;
      const look = [panel.codes, panel.palette, panel.width, panel.height, ...panel.camera].join(" ");
      if (alike.has(look)) {
        alike.get(look).push(panel);
        continue;
      }
      alike.set(look, [panel]);
      this.attribute(this.at.code, codes, 1, gl.UNSIGNED_SHORT, false);
      gl.bindTexture(gl.TEXTURE_2D, palette);
      this.into(panel);
      gl.uniform4fv(this.uniform.camera, panel.camera);
      gl.drawArrays(gl.POINTS, 0, this.n);
    }
    for (const [drawn, ...others] of alike.values()) if (others.length) this.copy(drawn, others);
  }

  copy(drawn, others) {
    const gl = this.gl;
    gl.useProgram(this.copying);
    const sheet = sharp(gl);
    gl.copyTexImage2D(gl.TEXTURE_2D, 0, gl.RGBA, drawn.x, this.bottom(drawn), drawn.width, drawn.height, 0);
    for (const panel of others) {
      this.into(panel); // which is still empty, so that blending leaves the pixels as they are
      gl.uniform2i(this.corner, panel.x, this.bottom(panel));
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    }
    gl.deleteTexture(sheet);
  }

  // WebGL counts from below.
  bottom(panel) { return this.canvas.height - panel.y - panel.height; }

  into(panel) {
    const place = [panel.x, this.bottom(panel), panel.width, panel.height];
    this.gl.viewport(...place);
    this.gl.scissor(...place);
  }

  destroy() { this.gl.getExtension("WEBGL_lose_context")?.loseContext(); }

  attribute(at, buffer, count, type, normalised) {
    const gl = this.gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, count, type, normalised, 0, 0);
  }

  upload(buffer, array) {
    const gl = this.gl, used = buffer ?? gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, used);
    gl.bufferData(gl.ARRAY_BUFFER, array, gl.STATIC_DRAW);
    return used;
  }

  forget(map, drop) {
    for (const value of map.values()) drop(value);
    map.clear();
  }
}

// A new texture, bound, whose texels are read as they are.
function sharp(gl) {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  return texture;
}

function link(gl, vertex, fragment) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(gl.getProgramInfoLog(program));
  return program;
}
