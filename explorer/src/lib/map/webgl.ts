/** Points in WebGL2: a buffer of places, one of where they came from, and two bytes a point for colour and context. */

import { NoWebGL, type Look, type MapRenderer, type Palette } from "./renderer";
import type { View } from "./view";

const VERTEX = `#version 300 es
layout(location = 0) in vec2 a_from;
layout(location = 1) in vec2 a_to;
layout(location = 2) in float a_code;
layout(location = 3) in float a_context;
uniform vec2 u_centre;
uniform vec2 u_scale;
uniform float u_size;
uniform float u_progress;
uniform float u_pass;
uniform vec4 u_contextColour;
uniform float u_opacity;
uniform sampler2D u_palette;
out vec4 v_colour;
out float v_size;
void main() {
  vec2 p = mix(a_from, a_to, u_progress);
  bool shown = a_context == u_pass;
  gl_Position = shown ? vec4((p - u_centre) * u_scale, 0.0, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
  v_size = u_pass > 0.5 ? max(u_size * 0.72, 1.0) : u_size;
  gl_PointSize = v_size + 1.0;
  v_colour = u_pass > 0.5 ? u_contextColour : texelFetch(u_palette, ivec2(int(a_code + 0.5), 0), 0);
  v_colour.a *= u_opacity;
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec4 v_colour;
in float v_size;
uniform vec3 u_ground;
out vec4 colour;
void main() {
  float r = length(gl_PointCoord - 0.5) * (v_size + 1.0);
  float radius = 0.5 * v_size;
  float cover = clamp(radius + 0.5 - r, 0.0, 1.0);
  if (cover <= 0.0) discard;
  // A hairline of ground around larger points keeps neighbours apart.
  float rim = v_size > 7.0 ? smoothstep(radius - 1.6, radius - 0.6, r) * 0.55 : 0.0;
  float a = v_colour.a * cover;
  colour = vec4(mix(v_colour.rgb, u_ground, rim) * a, a);
}`;

const CONTEXT_OPACITY = 0.55;
const FAR = 1e30;

/**
 * A fixed order in which every run of points is a fair sample of the rows: each step goes on by the golden share of n, so
 * that neither rows sorted by class lie on top of each other class by class nor a part of the points leaves any out.
 */
export function shuffle(n: number): Uint32Array {
  const order = new Uint32Array(n);
  let step = Math.max(1, Math.round(n * 0.6180339887498949));
  while (n > 1 && common(step, n) > 1) step++;
  for (let k = 0, at = 0; k < n; k++) {
    order[k] = at;
    at += step;
    if (at >= n) at -= n;
  }
  return order;
}

function common(a: number, b: number): number {
  return b ? common(b, a % b) : a;
}

export class WebGLRenderer implements MapRenderer {
  private gl: WebGL2RenderingContext;
  private program!: WebGLProgram;
  private places: Record<string, WebGLUniformLocation | null> = {};
  private buffers!: { from: WebGLBuffer; to: WebGLBuffer; code: WebGLBuffer; context: WebGLBuffer };
  private texture!: WebGLTexture;
  private order: Uint32Array = new Uint32Array(0);
  private to: Float32Array = new Float32Array(0);
  private from: Float32Array = new Float32Array(0);
  private codes: Uint8Array = new Uint8Array(0);
  private palette: Palette = new Uint8Array(1024);
  private context: Uint8Array | null = null;
  private lost = false;
  pace: number | null = null;
  /** Whether points come from somewhere else than where they go. */
  private travels = false;
  private timed: { sync: WebGLSync; at: number; points: number } | null = null;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly restored: () => void,
  ) {
    const gl = canvas.getContext("webgl2", { antialias: false, alpha: false, powerPreference: "high-performance" });
    if (!gl) throw new NoWebGL("WebGL2 is not available");
    this.gl = gl;
    this.prepare();
    canvas.addEventListener("webglcontextlost", this.onLost);
    canvas.addEventListener("webglcontextrestored", this.onRestored);
  }

  private readonly onLost = (event: Event) => {
    event.preventDefault();
    this.lost = true;
  };

  private readonly onRestored = () => {
    this.lost = false;
    this.timed = null;
    this.prepare();
    this.upload();
    this.restored();
  };

  private prepare(): void {
    const gl = this.gl;
    const program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
      const shader = gl.createShader(kind)!;
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      throw new NoWebGL(gl.getProgramInfoLog(program) ?? "the map's shader does not compile");
    }
    this.program = program;
    for (const name of ["centre", "scale", "size", "progress", "pass", "contextColour", "opacity", "palette", "ground"]) {
      this.places[name] = gl.getUniformLocation(program, `u_${name}`);
    }
    this.buffers = {
      from: gl.createBuffer(), to: gl.createBuffer(), code: gl.createBuffer(), context: gl.createBuffer(),
    };
    gl.bindVertexArray(gl.createVertexArray());
    for (const [at, buffer, size, type] of [
      [0, this.buffers.from, 2, gl.FLOAT], [1, this.buffers.to, 2, gl.FLOAT],
      [2, this.buffers.code, 1, gl.UNSIGNED_BYTE], [3, this.buffers.context, 1, gl.UNSIGNED_BYTE],
    ] as const) {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, size, type, false, 0, 0);
    }
    this.texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  private fill(buffer: WebGLBuffer, data: Float32Array | Uint8Array): void {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, buffer);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, data, this.gl.DYNAMIC_DRAW);
  }

  private bytes(source: Uint8Array | null): Uint8Array {
    const out = new Uint8Array(this.order.length);
    if (source) for (let k = 0; k < out.length; k++) out[k] = source[this.order[k]!] ?? 0;
    return out;
  }

  private upload(): void {
    this.fill(this.buffers.to, this.to);
    if (this.travels) this.fill(this.buffers.from, this.from);
    this.depart(this.travels);
    this.uploadColours();
    this.fill(this.buffers.context, this.bytes(this.context));
  }

  /** Where points come from: their old places, or where they are. */
  private depart(travels: boolean): void {
    const gl = this.gl;
    this.travels = travels;
    gl.bindBuffer(gl.ARRAY_BUFFER, travels ? this.buffers.from : this.buffers.to);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
  }

  private uploadColours(): void {
    const gl = this.gl;
    this.fill(this.buffers.code, this.bytes(this.codes));
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, this.palette);
  }

  setPoints(positions: Float32Array, come: number | null): void {
    const n = positions.length >> 1;
    const same = come !== null && n === this.order.length;
    if (n !== this.order.length) this.order = shuffle(n);
    const to = new Float32Array(n * 2);
    for (let k = 0; k < n; k++) {
      const i = this.order[k]!;
      const [x, y] = [positions[2 * i]!, positions[2 * i + 1]!];
      // A row without a place is out of sight.
      const there = x - x === 0 && y - y === 0;
      to[2 * k] = there ? x : FAR;
      to[2 * k + 1] = there ? y : FAR;
    }
    if (same) {
      if (!this.travels) this.from = this.to;
      else for (let k = 0; k < 2 * n; k++) this.from[k]! += (this.to[k]! - this.from[k]!) * come;
    }
    this.travels = same;
    this.to = to;
    this.upload();
  }

  setColours(codes: Uint8Array, palette: Palette): void {
    this.codes = codes;
    this.palette = palette;
    this.uploadColours();
  }

  setContext(context: Uint8Array | null): void {
    this.context = context;
    this.fill(this.buffers.context, this.bytes(context));
  }

  resize(width: number, height: number, ratio: number): void {
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
    this.gl.viewport(0, 0, this.canvas.width, this.canvas.height);
  }

  draw(view: View, look: Look, progress: number, most: number): void {
    if (this.lost) return;
    if (progress >= 1 && this.travels) this.depart(false);
    const count = Math.min(most, this.order.length);
    const gl = this.gl;
    const at = this.places;
    gl.clearColor(...look.ground, 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!this.order.length) return;
    gl.useProgram(this.program);
    gl.uniform2f(at.centre!, view.cx, view.cy);
    gl.uniform2f(at.scale!, (2 * view.scale) / view.width, (2 * view.scale) / view.height);
    gl.uniform1f(at.size!, look.size * (this.canvas.width / view.width));
    gl.uniform1f(at.progress!, progress);
    gl.uniform3f(at.ground!, ...look.ground);
    gl.uniform4f(at.contextColour!, ...look.context, 1);
    gl.uniform1i(at.palette!, 0);
    if (this.context) {
      gl.uniform1f(at.pass!, 1);
      gl.uniform1f(at.opacity!, CONTEXT_OPACITY);
      gl.drawArrays(gl.POINTS, 0, count);
    }
    gl.uniform1f(at.pass!, 0);
    gl.uniform1f(at.opacity!, look.opacity);
    gl.drawArrays(gl.POINTS, 0, count);
    this.time(count);
  }

  /** Learns how long the points just sent take, without waiting for them. One measurement at a time. */
  private time(points: number): void {
    const gl = this.gl;
    const sync = this.timed || points < 1000 ? null : gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    if (!sync) return;
    gl.flush();
    this.timed = { sync, at: performance.now(), points };
    const look = () => {
      const { timed } = this;
      if (!timed || this.lost) return;
      if (gl.getSyncParameter(timed.sync, gl.SYNC_STATUS) !== gl.SIGNALED) {
        setTimeout(look, 2);
        return;
      }
      const pace = (1000 * (performance.now() - timed.at)) / timed.points;
      this.pace = this.pace === null ? pace : 0.6 * this.pace + 0.4 * pace;
      gl.deleteSync(timed.sync);
      this.timed = null;
    };
    setTimeout(look, 1);
  }

  destroy(): void {
    this.canvas.removeEventListener("webglcontextlost", this.onLost);
    this.canvas.removeEventListener("webglcontextrestored", this.onRestored);
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}
