"use strict";
// Reads a .tflite file and answers with it: float32, int8 and files with int8 weights, one row at a time. Shapes are
// those that the file states. Quantized values are computed as real numbers and rounded as LiteRT's XNNPACK does, so an
// int8 answer may differ from LiteRT's by a step of its scale; trial.js replays known answers before it shows any.
const tflite = (() => {
  const TYPES = {0: Float32Array, 1: Uint16Array, 2: Int32Array, 3: Uint8Array, 4: BigInt64Array, 6: Uint8Array,
    7: Int16Array, 9: Int8Array};
  const LIMITS = {3: [0, 255], 7: [-32768, 32767], 9: [-128, 127]};
  const FLOAT32 = 0, FLOAT16 = 1, INT32 = 2, INT64 = 4, SAME_PADDING = 0;
  const ACTIVATIONS = {0: (x) => x, 1: (x) => Math.max(x, 0), 2: (x) => Math.min(1, Math.max(-1, x)),
    3: (x) => Math.min(6, Math.max(0, x)), 4: Math.tanh};
  const count = (shape) => shape.reduce((product, size) => product * size, 1);

  // Tables of a flatbuffer (https://flatbuffers.dev/internals): fields are found by their number in the schema.
  class Table {
    constructor(view, at) { this.view = view; this.at = at; this.fields = at - view.getInt32(at, true); }
    place(field) {
      const slot = 4 + 2 * field;
      const offset = slot < this.view.getUint16(this.fields, true) ? this.view.getUint16(this.fields + slot, true) : 0;
      return offset ? this.at + offset : 0;
    }
    byte(field) { const at = this.place(field); return at ? this.view.getInt8(at) : 0; }
    int(field, otherwise = 0) { const at = this.place(field); return at ? this.view.getInt32(at, true) : otherwise; }
    float(field) { const at = this.place(field); return at ? this.view.getFloat32(at, true) : 0; }
    follow(at) { return at + this.view.getUint32(at, true); }
    table(field) { const at = this.place(field); return at ? new Table(this.view, this.follow(at)) : null; }
    vector(field) {
      const at = this.place(field);
      if (!at) return {start: 0, length: 0};
      const start = this.follow(at);
      return {start: start + 4, length: this.view.getUint32(start, true)};
    }
    items(field, size, read) {
      const {start, length} = this.vector(field);
      return Array.from({length}, (_, index) => read(start + size * index));
    }
    ints(field) { return this.items(field, 4, (at) => this.view.getInt32(at, true)); }
    floats(field) { return this.items(field, 4, (at) => this.view.getFloat32(at, true)); }
    longs(field) { return this.items(field, 8, (at) => Number(this.view.getBigInt64(at, true))); }
    tables(field) { return this.items(field, 4, (at) => new Table(this.view, this.follow(at))); }
  }

  const half = (bits) => {
    const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : sign * 2 ** -14 * (fraction / 1024);
  };
  const rounded = (x) => {  // half to even, as a processor rounds
    const low = Math.floor(x), rest = x - low;
    return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
  };

  class Tensor {
    constructor(table, buffer, bytes) {
      this.shape = table.ints(0);
      this.type = table.byte(1);
      this.name = table.int(3);
      if (!TYPES[this.type]) throw new Error(`tensors of type ${this.type}`);
      const quantization = table.table(4);
      this.scales = quantization ? quantization.floats(2) : [];
      this.zeros = quantization ? quantization.longs(3) : [];
      this.axis = quantization ? quantization.int(6) : 0;
      const {start, length} = buffer.vector(0);
      if (buffer.place(1) && !length) throw new Error("constants behind the flatbuffer");
      this.isConstant = length > 0;
      this.data = this.isConstant ? new TYPES[this.type](bytes.slice(start, start + length).buffer)
        : new TYPES[this.type](count(this.shape));
    }
    get isQuantized() { return this.scales.length > 0 && this.type in LIMITS; }
    get scale() { return this.isQuantized ? this.scales[0] : 1; }
    get zero() { return this.isQuantized ? this.zeros[0] || 0 : 0; }
    // The values less the zero point, not yet scaled; of constants they are kept.
    get centred() {
      if (this.kept) return this.kept;
      const zero = this.zero, found = new Float32Array(this.data.length);
      if (this.type === FLOAT16) for (let i = 0; i < found.length; i++) found[i] = half(this.data[i]);
      else if (this.type === INT64) for (let i = 0; i < found.length; i++) found[i] = Number(this.data[i]);
      else if (this.type === FLOAT32) return this.data;
      else for (let i = 0; i < found.length; i++) found[i] = this.data[i] - zero;
      if (this.isConstant) this.kept = found;
      return found;
    }
    get reals() {
      if (!this.isQuantized) return this.centred;
      const {centred, scales} = this, found = new Float32Array(centred.length);
      const inner = scales.length > 1 ? count(this.shape.slice(this.axis + 1)) : 1;
      for (let i = 0; i < found.length; i++)
        found[i] = centred[i] * scales[scales.length > 1 ? Math.floor(i / inner) % scales.length : 0];
      return found;
    }
    get whole() { return Array.from(this.data, Number); }
    put(i, real) {
      if (this.type === FLOAT32) { this.data[i] = real; return; }
      if (this.type === INT32) { this.data[i] = Math.trunc(real); return; }
      if (this.type === INT64) { this.data[i] = BigInt(Math.trunc(real)); return; }
      if (!this.isQuantized) { this.data[i] = real; return; }
      const [low, high] = LIMITS[this.type];
      this.data[i] = Math.min(high, Math.max(low, rounded(Math.fround(real / this.scale)) + this.zero));
    }
  }

  // Strides of a shape as seen from an output of `rank` axes: 0 along what is broadcast.
  const strides = (shape, rank) => {
    const found = new Array(rank).fill(0);
    let step = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      found[rank - shape.length + axis] = shape[axis] === 1 ? 0 : step;
      step *= shape[axis];
    }
    return found;
  };
  // Calls `use` with the index of each element of `shape`, in order, and its place by the given strides.
  const walk = (shape, allStrides, use) => {
    const total = count(shape), place = new Array(shape.length).fill(0), at = allStrides.map(() => 0);
    for (let i = 0; i < total; i++) {
      use(i, at);
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        place[axis]++;
        for (let k = 0; k < at.length; k++) at[k] += allStrides[k][axis];
        if (place[axis] < shape[axis]) break;
        for (let k = 0; k < at.length; k++) at[k] -= allStrides[k][axis] * shape[axis];
        place[axis] = 0;
      }
    }
  };

  const each = (compute) => ({inputs: [x], output}) => {
    const values = x.reals;
    for (let i = 0; i < values.length; i++) output.put(i, compute(values[i]));
  };
  const pairs = (compute, activation = 0) => ({inputs: [a, b], output, options}) => {
    const finish = ACTIVATIONS[activation === null ? options.byte(0) : 0], left = a.reals, right = b.reals;
    walk(output.shape, [a, b].map((one) => strides(one.shape, output.shape.length)),
      (i, [p, q]) => output.put(i, finish(compute(left[p], right[q]))));
  };
  const copy = ({inputs: [x], output}) => {
    if (x.type === output.type && x.scale === output.scale && x.zero === output.zero) output.data.set(x.data);
    else each((value) => value)({inputs: [x], output});
  };
  // How far a window begins before its input along one axis.
  const before = (padding, input, output, stride, window) =>
    padding === SAME_PADDING ? Math.max(0, Math.floor(((output - 1) * stride + window - input) / 2)) : 0;

  const weighted = (x, kernel, bias, output, activation) => {
    const inputScale = x.scale, finish = ACTIVATIONS[activation], offsets = bias && bias.centred;
    const channels = bias ? bias.shape[0] : output.shape[output.shape.length - 1], isWhole = bias && bias.type !== FLOAT32;
    const scales = Array.from({length: channels}, (_, channel) => Math.fround(inputScale
      * (kernel.isQuantized ? kernel.scales[kernel.scales.length > 1 ? channel : 0] : 1)));
    return (i, channel, sum) => {
      const offset = offsets ? offsets[channel] : 0;
      output.put(i, finish(isWhole ? (sum + offset) * scales[channel] : sum * scales[channel] + offset));
    };
  };
  const convolve = (isDepthwise) => ({inputs: [x, kernel, bias], output, options}) => {
    const [, height, width, depth] = x.shape, [, rows, columns, channels] = output.shape;
    const [, windowRows, windowColumns, kernelDepth] = kernel.shape;
    const values = x.centred, weights = kernel.centred, shift = isDepthwise ? 1 : 0;
    const strideX = options.int(1, 1), strideY = options.int(2, 1);
    const stepX = options.int(4 + shift, 1), stepY = options.int(5 + shift, 1);
    const top = before(options.byte(0), height, rows, strideY, (windowRows - 1) * stepY + 1);
    const left = before(options.byte(0), width, columns, strideX, (windowColumns - 1) * stepX + 1);
    const put = weighted(x, kernel, bias, output, options.byte(3 + shift));
    const perGroup = channels / (depth / kernelDepth), multiplier = channels / depth, sums = new Float64Array(channels);
    for (let row = 0, i = 0; row < rows; row++) for (let column = 0; column < columns; column++, i += channels) {
      sums.fill(0);
      for (let a = 0; a < windowRows; a++) {
        const y = row * strideY - top + a * stepY;
        if (y < 0 || y >= height) continue;
        for (let b = 0; b < windowColumns; b++) {
          const z = column * strideX - left + b * stepX;
          if (z < 0 || z >= width) continue;
          const from = (y * width + z) * depth;
          if (isDepthwise) {
            const weight = (a * windowColumns + b) * channels;
            for (let c = 0; c < channels; c++) sums[c] += values[from + Math.floor(c / multiplier)] * weights[weight + c];
          } else for (let c = 0; c < channels; c++) {
            const weight = ((c * windowRows + a) * windowColumns + b) * kernelDepth;
            const start = from + Math.floor(c / perGroup) * kernelDepth;
            let sum = 0;
            for (let d = 0; d < kernelDepth; d++) sum += values[start + d] * weights[weight + d];
            sums[c] += sum;
          }
        }
      }
      for (let c = 0; c < channels; c++) put(i + c, c, sums[c]);
    }
  };
  const dense = ({inputs: [x, kernel, bias], output, options}) => {
    const [channels, depth] = kernel.shape, values = x.centred, weights = kernel.centred;
    if (options.byte(1)) throw new Error("shuffled weights");
    const put = weighted(x, kernel, bias, output, options.byte(0));
    for (let row = 0; row < values.length / depth; row++) for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let d = 0; d < depth; d++) sum += values[row * depth + d] * weights[c * depth + d];
      put(row * channels + c, c, sum);
    }
  };
  const multiply = ({inputs: [a, b], output, options}) => {
    const [transposeA, transposeB] = [options.byte(0), options.byte(1)], left = a.reals, right = b.reals;
    const [rows, columns] = output.shape.slice(-2), rank = output.shape.length - 2;
    const depth = a.shape[a.shape.length - (transposeA ? 2 : 1)];
    const sizes = [a, b].map((one) => count(one.shape.slice(-2)));
    walk(output.shape.slice(0, -2), [a, b].map((one) => strides(one.shape.slice(0, -2), rank)), (i, [p, q]) => {
      for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) {
        let sum = 0;
        for (let d = 0; d < depth; d++)
          sum += left[p * sizes[0] + (transposeA ? d * rows + row : row * depth + d)]
            * right[q * sizes[1] + (transposeB ? column * depth + d : d * columns + column)];
        output.put((i * rows + row) * columns + column, sum);
      }
    });
  };
  const pool = (isMax) => ({inputs: [x], output, options}) => {
    const [, height, width, depth] = x.shape, [, rows, columns] = output.shape, values = x.reals;
    const [strideX, strideY, windowX, windowY] = [1, 2, 3, 4].map((field) => options.int(field, 1));
    const finish = ACTIVATIONS[options.byte(5)];
    const top = before(options.byte(0), height, rows, strideY, windowY);
    const left = before(options.byte(0), width, columns, strideX, windowX);
    for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) for (let c = 0; c < depth; c++) {
      let best = -Infinity, sum = 0, seen = 0;
      for (let y = Math.max(0, row * strideY - top); y < Math.min(height, row * strideY - top + windowY); y++)
        for (let z = Math.max(0, column * strideX - left); z < Math.min(width, column * strideX - left + windowX); z++) {
          const value = values[(y * width + z) * depth + c];
          best = Math.max(best, value); sum += value; seen++;
        }
      output.put((row * columns + column) * depth + c, finish(isMax ? best : sum / seen));
    }
  };
  const reduce = (start, join, finish) => ({inputs: [x, axes], output}) => {
    const rank = x.shape.length, chosen = new Set(axes.whole.map((axis) => (axis + rank) % rank));
    const kept = x.shape.map((size, axis) => chosen.has(axis) ? 1 : size), values = x.reals;
    const found = new Float64Array(output.data.length).fill(start);
    walk(x.shape, [strides(kept, rank)], (i, [at]) => { found[at] = join(found[at], values[i]); });
    const each = values.length / found.length;
    found.forEach((value, i) => output.put(i, finish(value, each)));
  };
  const softmax = ({inputs: [x], output, options}) => {
    const size = x.shape[x.shape.length - 1], values = x.reals, beta = options.float(0) || 1;
    for (let start = 0; start < values.length; start += size) {
      let most = -Infinity, sum = 0;
      for (let i = start; i < start + size; i++) most = Math.max(most, values[i]);
      for (let i = start; i < start + size; i++) sum += Math.exp(beta * (values[i] - most));
      for (let i = start; i < start + size; i++) output.put(i, Math.exp(beta * (values[i] - most)) / sum);
    }
  };
  const strided = (x, output, begins, steps) => {
    const own = strides(x.shape, x.shape.length).map((step, axis) => x.shape[axis] === 1 ? 0 : step), values = x.reals;
    const start = begins.reduce((sum, begin, axis) => sum + begin * own[axis], 0);
    return (shape) => walk(shape, [own.map((step, axis) => step * steps[axis])],
      (i, [at]) => output.put(i, values[start + at]));
  };
  const slice = ({inputs: [x, begin], output}) =>
    strided(x, output, begin.whole, x.shape.map(() => 1))(output.shape);
  const stridedSlice = ({inputs: [x, begin, end, step], output, options}) => {
    const [beginMask, endMask, ellipsis, added, shrink] = [0, 1, 2, 3, 4].map((field) => options.int(field));
    if (ellipsis || added) throw new Error("a slice with new axes");
    const steps = step.whole, ends = end.whole, inside = (place, size) => place < 0 ? place + size : place;
    if (steps.some((one) => one < 1)) throw new Error("a slice that goes backwards");
    const begins = begin.whole.map((place, axis) => beginMask >> axis & 1 ? 0 : inside(place, x.shape[axis]));
    const shape = x.shape.map((size, axis) => {
      if (shrink >> axis & 1) return 1;
      const stop = endMask >> axis & 1 ? size : Math.min(size, inside(ends[axis], size));
      return Math.max(0, Math.ceil((stop - begins[axis]) / steps[axis]));
    });
    strided(x, output, begins, steps)(shape);
  };
  const concatenate = ({inputs, output, options}) => {
    const axis = (options.int(0) + output.shape.length) % output.shape.length, finish = ACTIVATIONS[options.byte(1)];
    const inner = count(output.shape.slice(axis + 1)), whole = output.shape[axis] * inner;
    let start = 0;
    for (const x of inputs) {
      const values = x.reals, own = x.shape[axis] * inner;
      for (let i = 0; i < values.length; i++)
        output.put(Math.floor(i / own) * whole + start + i % own, finish(values[i]));
      start += own;
    }
  };
  const gather = ({inputs: [x, chosen], output, options}) => {
    const axis = (options.int(0) + x.shape.length) % x.shape.length, places = chosen.whole;
    if (options.int(1)) throw new Error("a gather of batches");
    const inner = count(x.shape.slice(axis + 1)), size = x.shape[axis], isSame = x.scales.length < 2;
    const values = isSame && x.type === output.type ? null : x.reals;
    for (let outer = 0, i = 0; outer < count(x.shape.slice(0, axis)); outer++) for (const place of places) {
      if (place < 0 || place >= size) throw new Error(`no row ${place} of ${size}`);
      const from = (outer * size + place) * inner;
      for (let k = 0; k < inner; k++, i++) values ? output.put(i, values[from + k]) : output.data[i] = x.data[from + k];
    }
  };
  const pad = ({inputs: [x, amounts, filling], output}) => {
    const around = amounts.whole, values = x.reals, fill = filling ? filling.reals[0] : 0, own = strides(output.shape, output.shape.length);
    for (let i = 0; i < output.data.length; i++) output.put(i, fill);
    const start = x.shape.reduce((sum, _, axis) => sum + around[2 * axis] * own[axis], 0);
    walk(x.shape, [own], (i, [at]) => output.put(start + at, values[i]));
  };
  const transpose = ({inputs: [x, order], output}) => {
    const own = strides(x.shape, x.shape.length), values = x.reals;
    walk(output.shape, [order.whole.map((axis) => own[axis])], (i, [at]) => output.put(i, values[at]));
  };
  const select = ({inputs: [condition, a, b], output}) => {
    const left = a.reals, right = b.reals;
    walk(output.shape, [condition, a, b].map((one) => strides(one.shape, output.shape.length)),
      (i, [c, p, q]) => output.put(i, condition.data[c] ? left[p] : right[q]));
  };
  const erf = (x) => {  // Abramowitz and Stegun 7.1.26
    const t = 1 / (1 + 0.3275911 * Math.abs(x));
    const rest = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    return Math.sign(x) * (1 - rest * Math.exp(-x * x));
  };
  const gelu = ({inputs, output, options}) => each(options.byte(0)
    ? (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
    : (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)))({inputs, output});

  const OPERATORS = {  // by their numbers in the schema
    0: pairs((a, b) => a + b, null), 1: pool(false), 2: concatenate, 3: convolve(false), 4: convolve(true), 6: copy,
    9: dense, 14: each((x) => 1 / (1 + Math.exp(-x))), 17: pool(true), 18: pairs((a, b) => a * b, null),
    19: each(ACTIVATIONS[1]), 20: each(ACTIVATIONS[2]), 21: each(ACTIVATIONS[3]), 22: copy, 25: softmax,
    28: each(Math.tanh), 34: pad, 36: gather, 39: transpose, 40: reduce(0, (a, b) => a + b, (sum, rows) => sum / rows),
    41: pairs((a, b) => a - b, null), 42: pairs((a, b) => a / b, null), 43: copy, 45: stridedSlice, 47: each(Math.exp),
    53: copy, 55: pairs(Math.max), 57: pairs(Math.min), 58: pairs((a, b) => Number(a < b)), 59: each((x) => -x), 60: pad,
    61: pairs((a, b) => Number(a > b)), 65: slice, 70: copy, 71: pairs((a, b) => Number(a === b)),
    72: pairs((a, b) => Number(a !== b)), 74: reduce(0, (a, b) => a + b, (sum) => sum), 75: each(Math.sqrt),
    76: each((x) => 1 / Math.sqrt(x)), 82: reduce(-Infinity, Math.max, (most) => most),
    98: ({inputs, output, options}) => each((x) => x < 0 ? x * options.float(0) : x)({inputs, output}),
    99: pairs((a, b) => (a - b) ** 2), 101: each(Math.abs), 111: each((x) => x < 0 ? Math.expm1(x) : x), 114: copy,
    117: each((x) => x * Math.min(6, Math.max(0, x + 3)) / 6), 123: select, 126: multiply, 150: gelu,
  };

  return class Model {
    // Throws where the file has something that is not here.
    constructor(bytes) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const model = new Table(view, view.getUint32(0, true)), graphs = model.tables(2), buffers = model.tables(4);
      if (graphs.length !== 1) throw new Error(`${graphs.length} graphs`);
      const codes = model.tables(1).map((code) => Math.max(code.byte(0), code.int(3)));
      this.tensors = graphs[0].tables(0).map((table) => new Tensor(table, buffers[table.int(2)], bytes));
      const at = (index) => index < 0 ? undefined : this.tensors[index];
      this.steps = graphs[0].tables(3).map((operator) => {
        const code = codes[operator.int(0)], run = OPERATORS[code];
        if (!run) throw new Error(`operator ${code} of the TFLite schema`);
        const options = operator.table(4) || {byte: () => 0, int: (field, otherwise = 0) => otherwise, float: () => 0};
        return {run, inputs: operator.ints(1).map(at), output: at(operator.ints(2)[0]), options};
      });
      [this.inputs, this.outputs] = [graphs[0].ints(1).map(at), graphs[0].ints(2).map(at)];
    }
    // Takes the values of the one input as the file is fed; returns the one output as real numbers.
    answer(values) {
      this.inputs[0].data.set(values);
      for (const step of this.steps) step.run(step);
      return Array.from(this.outputs[0].reals);
    }
  };
})();
