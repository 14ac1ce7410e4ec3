"use strict";
// The box in which the file of the page answers: prepares a picture, a text or a row as the device does, and shows what
// the file says. It answers only after it has given, for known test rows, what LiteRT gave.
(() => {
  const source = document.getElementById("trial-data");
  if (!source) return;
  const box = document.getElementById("trial"), data = JSON.parse(source.textContent);
  const element = (name, attributes = {}, ...inner) => {
    const made = Object.assign(document.createElement(name), attributes);
    made.append(...inner);
    return made;
  };
  const state = box.querySelector(".note"), place = element("div", {className: "asking"});
  const output = element("output", {className: "answers"});
  state.setAttribute("role", "status");
  const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const ARRAYS = {uint8: Uint8Array, int32: Int32Array, float32: Float32Array};
  const wait = () => new Promise((done) => setTimeout(done));
  const [height, width, channels] = data.shape;

  // A row of raw values as the file is fed: of pixels int8 is raw - 128.
  const fed = (raw) => data.feed === "raw - 128" ? Array.from(raw, (value) => value - 128) : Array.from(raw);

  // Pillow's bilinear filter along one axis of (outer, size, inner), rounded to bytes: it averages when it shrinks.
  const resized = (pixels, outer, size, inner, wanted) => {
    const scale = size / wanted, reach = Math.max(1, scale), found = new Uint8Array(outer * wanted * inner);
    for (let to = 0; to < wanted; to++) {
      const centre = (to + 0.5) * scale;
      const first = Math.max(0, Math.floor(centre - reach + 0.5)), last = Math.min(size, Math.floor(centre + reach + 0.5));
      const weights = [];
      for (let from = first; from < last; from++) weights.push(Math.max(0, 1 - Math.abs((from - centre + 0.5) / reach)));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      for (let row = 0; row < outer; row++) for (let k = 0; k < inner; k++) {
        let sum = 0;
        for (let w = 0; w < weights.length; w++) sum += weights[w] * pixels[(row * size + first + w) * inner + k];
        found[(row * wanted + to) * inner + k] = Math.floor(sum / total + 0.5);
      }
    }
    return found;
  };
  const fromCanvas = (canvas) => {
    const {width: across, height: down} = canvas, seen = canvas.getContext("2d").getImageData(0, 0, across, down).data;
    const own = new Uint8Array(across * down * channels);
    for (let i = 0; i < across * down; i++) {
      const [red, green, blue] = seen.subarray(4 * i, 4 * i + 3);
      if (channels === 1) own[i] = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16;  // Pillow's mode L
      else own.set([red, green, blue], 3 * i);
    }
    const narrow = across === width ? own : resized(own, down, across, channels, width);
    return down === height ? narrow : resized(narrow, 1, down, width * channels, height);
  };
  const painted = (raw) => {
    const canvas = element("canvas", {width, height}), picture = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      const colour = channels === 1 ? [raw[i], raw[i], raw[i]] : raw.subarray(3 * i, 3 * i + 3);
      picture.data.set([...colour, 255], 4 * i);
    }
    canvas.getContext("2d").putImageData(picture, 0, 0);
    return canvas;
  };

  // Byte-pair encoding of words, as the tokenizers library does it; letters that are unknown become one token.
  const cleaned = (text) => {
    if (data.text.strip_html) {
      const decoder = element("textarea");
      decoder.innerHTML = text.replaceAll("<", "&lt;");
      text = decoder.value.replace(/<\/?[a-zA-Z!][^<>]*>/g, " ");
    }
    return text.normalize(data.text.unicode).replace(/[\p{C}\p{Z}]/gu, " ").split(" ").filter(Boolean).join(" ");
  };
  const PUNCTUATION = /([\p{P}!-/:-@[-`{-~])/u;
  const tokensOf = (text) => {
    const {vocabulary, ranks, unknown, lowercase} = data.tokenizer, found = [];
    if (lowercase) text = text.toLowerCase();
    for (const word of text.split(/\s+/u).flatMap((part) => part.split(PUNCTUATION)).filter(Boolean)) {
      const parts = [];
      for (const letter of word) {
        if (vocabulary.has(letter)) parts.push(letter);
        else if (parts[parts.length - 1] !== null) parts.push(null);
      }
      for (;;) {
        let best = -1, rank = Infinity;
        for (let i = 0; i + 1 < parts.length; i++) {
          const own = parts[i] === null || parts[i + 1] === null ? undefined : ranks.get(`${parts[i]} ${parts[i + 1]}`);
          if (own < rank) [best, rank] = [i, own];
        }
        if (best < 0) break;
        parts.splice(best, 2, parts[best] + parts[best + 1]);
      }
      found.push(...parts.map((part) => part === null ? unknown : vocabulary.get(part)));
    }
    return [...found, ...new Array(height).fill(0)].slice(0, height);
  };

  // A row of a table as numbers: missing ones by the median and a flag, categories by their index.
  const MISSING = new Set(["", "na", "n/a", "nan", "null", "none", "?", "#n/a", "<na>"]);
  const featuresOf = (values) => {
    const numbers = data.table.numeric.map(({name}) => values[name].trim());
    const absent = numbers.map((text) => MISSING.has(text.toLowerCase()));
    const read = numbers.map((text, i) => absent[i] ? data.table.numeric[i].median : Number(text));
    const bad = read.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw new Error(`not a number: ${numbers[bad]} in ${data.table.numeric[bad].name}`);
    const flags = absent.filter((_, i) => data.table.numeric[i].has_missing).map(Number);
    const categories = data.table.categorical.map(({name, values: known}) => {
      const text = values[name].trim();
      return text ? known.indexOf(text) + 2 : 0;  // -1 + 2 is the index of what training has not seen
    });
    return Float32Array.from([...read, ...flags, ...categories]);
  };

  const shown = (answer) => {
    if (!data.classes) return [element("b", {textContent: answer[0].toLocaleString("en", {maximumSignificantDigits: 6})})];
    const order = answer.map((value, i) => [value, i]).sort((a, b) => b[0] - a[0]).slice(0, 5);
    return order.map(([value, i]) => element("div", {}, element("span", {textContent: data.classes[i]}),
      element("meter", {max: 1, value}), element("span", {textContent: `${(100 * value).toFixed(1)}%`})));
  };
  const ask = (model, row) => {
    const started = performance.now(), answer = model.answer(fed(row));
    const taken = `in ${Math.max(1, Math.round(performance.now() - started))} ms in this browser, which is no measure of a device`;
    output.replaceChildren(...shown(answer), element("small", {textContent: taken}));
    box.dataset.answered = JSON.stringify(answer);
  };
  const guarded = (work) => async (...given) => {
    try { await work(...given); } catch (error) { output.replaceChildren(`No answer: ${error.message}`); }
  };

  const FORMS = {
    image: (model, golden) => {
      const preview = element("div", {className: "preview"});
      const show = (raw) => { preview.replaceChildren(painted(raw)); ask(model, raw); };
      const take = guarded(async (file) => {
        if (!file) return;
        const picture = await createImageBitmap(file), canvas = element("canvas", {width: picture.width, height: picture.height});
        const context = canvas.getContext("2d");
        context.fillStyle = data.ground;  // a picture with holes is laid over it
        context.fillRect(0, 0, canvas.width, canvas.height);
        context.drawImage(picture, 0, 0);
        show(fromCanvas(canvas));
      });
      const chosen = element("input", {type: "file", accept: "image/*", onchange: () => take(chosen.files[0])});
      const drop = element("label", {className: "drop"}, "Drop a picture here, or choose one ", chosen);
      drop.ondragover = (event) => event.preventDefault();
      drop.ondrop = (event) => { event.preventDefault(); take(event.dataTransfer.files[0]); };
      const examples = golden.map((raw, i) => element("button", {type: "button", onclick: () => show(raw)},
        painted(raw), element("small", {textContent: `row ${data.rows[i]}`})));
      return [drop, element("div", {className: "examples"}, "or a test row: ", ...examples),
        element("div", {className: "answering"}, preview, output)];
    },
    text: (model) => {
      const text = element("textarea", {rows: 3, ariaLabel: "A text", value: data.texts[0]});
      const go = guarded(() => ask(model, tokensOf(cleaned(text.value))));
      return [text, element("button", {type: "button", textContent: "Ask", onclick: go}), output];
    },
    table: (model) => {
      const fields = new Map([...data.table.numeric, ...data.table.categorical].map(({name, values}) => {
        const list = values && element("datalist", {id: `values-${name}`}, ...values.map((value) => element("option", {value})));
        const field = element("input", {value: data.values[0][name], inputMode: values ? "text" : "decimal"});
        if (list) field.setAttribute("list", list.id);
        return [name, {field, label: element("label", {}, element("span", {textContent: name}), field, ...(list ? [list] : []))}];
      }));
      const values = () => Object.fromEntries([...fields].map(([name, {field}]) => [name, field.value]));
      const go = guarded(() => ask(model, featuresOf(values())));
      return [element("div", {className: "fields"}, ...[...fields.values()].map(({label}) => label)),
        element("button", {type: "button", textContent: "Ask", onclick: go}), output];
    },
  };

  // Replays the test rows: raises where an answer is not LiteRT's, or a row is prepared in another way than here.
  const replay = async (model, golden) => {
    let most = 0;
    for (const [i, raw] of golden.entries()) {
      const again = data.texts ? tokensOf(data.texts[i]) : data.values ? featuresOf(data.values[i]) : raw;
      if (again.some((value, k) => value !== raw[k])) throw new Error(`row ${data.rows[i]} is prepared in another way`);
      const own = model.answer(fed(raw));
      most = Math.max(most, ...own.map((value, k) => Math.abs(value - data.outputs[i][k])));
      if (!(most <= data.tolerance)) throw new Error(`an answer is off by ${most.toPrecision(2)}`);
      await wait();
    }
    return most;
  };
  const start = async () => {
    const raw = new ARRAYS[data.dtype](bytesOf(data.golden).buffer), size = raw.length / data.rows.length;
    const golden = data.rows.map((_, i) => raw.subarray(i * size, (i + 1) * size));
    if (data.tokenizer) {
      data.tokenizer.vocabulary = new Map(Object.entries(data.tokenizer.vocabulary));
      data.tokenizer.ranks = new Map(data.tokenizer.merges.map((pair, rank) => [pair, rank]));
    }
    const model = new tflite(bytesOf(data.model)), most = await replay(model, golden);
    place.append(...FORMS[data.form](model, golden));
    box.prepend(place);
    state.textContent = `Checked in this browser: for ${golden.length} test rows the answers are LiteRT's, `
      + (most ? `the largest difference is ${most.toPrecision(2)}.` : "bit for bit.");
    box.dataset.ready = "yes";
  };
  start().catch((error) => {
    state.textContent = `The box cannot work here: ${error.message}. ${data.instead}`;
    box.dataset.ready = "no";
  });
})();
