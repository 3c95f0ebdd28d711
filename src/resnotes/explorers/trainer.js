// Training residual networks on the digits, as resnotes.training does it: the same layers, the same step, float64.
// All of it is one function without outer names, so that its text can go into a worker (worker.js).

export function trainer() {
  const PIXELS = 64,
    DIGITS = 10,
    TRAIN = 1437,
    TEST = 360,
    WIDTH = 32,
    BATCH = 64,
    STEPS = 60,
    EVERY = 10;

  // ------------------------------------------------------------------------------------------------ the data

  /** Images and digits from the text that the page carries: base 64 of the deflated bytes, labels last. */
  async function unpacked(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return centred(new Uint8Array(await new Response(stream).arrayBuffer()));
  }

  /** Mean 0 in each pixel and mean square 1 over all of the training images; the test images moved alike. */
  function centred(bytes) {
    const images = Float64Array.from(bytes.subarray(0, (TRAIN + TEST) * PIXELS));
    for (let pixel = 0; pixel < PIXELS; pixel++) {
      let sum = 0;
      for (let k = pixel; k < TRAIN * PIXELS; k += PIXELS) sum += images[k];
      for (let k = pixel; k < images.length; k += PIXELS) images[k] -= sum / TRAIN;
    }
    let squares = 0;
    for (let k = 0; k < TRAIN * PIXELS; k++) squares += images[k] ** 2;
    const size = Math.sqrt(squares / (TRAIN * PIXELS));
    for (let k = 0; k < images.length; k++) images[k] /= size;
    return { images, labels: bytes.slice((TRAIN + TEST) * PIXELS) };
  }

  // ---------------------------------------------------------------------------------- what chance decides

  /** A generator of numbers from 0 up to 1 (mulberry32); one seed gives the same ones everywhere. */
  function uniform(seed) {
    let state = seed >>> 0;
    return () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
  }

  /** `count` normal numbers of this variance (Box and Muller). */
  function normal(random, count, variance) {
    return Float64Array.from({ length: count }, () => {
      const length = Math.sqrt(-2 * variance * Math.log(1 - random()));
      return length * Math.cos(2 * Math.PI * random());
    });
  }

  const layer = (weight, rows, columns) => ({ weight, bias: new Float64Array(rows), rows, columns });

  /** A fresh network's layers: first, two for each unit, last. Variance 2/n after a ReLU, 1/n elsewhere. */
  function drawn(depth, seed) {
    const random = uniform(2 * seed + 1);
    const draw = (rows, columns, variance) => layer(normal(random, rows * columns, variance), rows, columns);
    return [
      draw(WIDTH, PIXELS, 1 / PIXELS),
      ...Array.from({ length: 2 * depth }, () => draw(WIDTH, WIDTH, 2 / WIDTH)),
      draw(DIGITS, WIDTH, 2 / WIDTH),
    ];
  }

  /** The images of every step, without replacement within one: STEPS + 1 lists, the last only measures. */
  function batches(seed) {
    const random = uniform(2 * seed + 2);
    const deck = Array.from({ length: TRAIN }, (_, k) => k);
    return Array.from({ length: STEPS + 1 }, () => {
      for (let k = 0; k < BATCH; k++) {
        const other = k + Math.floor(random() * (TRAIN - k));
        [deck[k], deck[other]] = [deck[other], deck[k]];
      }
      return deck.slice(0, BATCH);
    });
  }

  // ------------------------------------------------------------------------------------------- arithmetic

  /** out[r, c] = Σ_k a[r, k] b[c, k]: four rows and two columns at a time, what is left over one by one. */
  function product(a, b, out, rows, columns, inner) {
    const [full, even] = [rows - (rows % 4), columns - (columns % 2)];
    for (let r = 0; r < full; r += 4) {
      const a0 = r * inner,
        a1 = a0 + inner,
        a2 = a1 + inner,
        a3 = a2 + inner;
      for (let c = 0; c < even; c += 2) {
        const b0 = c * inner,
          b1 = b0 + inner;
        let p0 = 0, p1 = 0, p2 = 0, p3 = 0, q0 = 0, q1 = 0, q2 = 0, q3 = 0; // prettier-ignore
        for (let k = 0; k < inner; k++) {
          const p = b[b0 + k],
            q = b[b1 + k],
            x0 = a[a0 + k],
            x1 = a[a1 + k],
            x2 = a[a2 + k],
            x3 = a[a3 + k];
          p0 += x0 * p;
          p1 += x1 * p;
          p2 += x2 * p;
          p3 += x3 * p;
          q0 += x0 * q;
          q1 += x1 * q;
          q2 += x2 * q;
          q3 += x3 * q;
        }
        const at = r * columns + c;
        out[at] = p0;
        out[at + 1] = q0;
        out[at + columns] = p1;
        out[at + columns + 1] = q1;
        out[at + 2 * columns] = p2;
        out[at + 2 * columns + 1] = q2;
        out[at + 3 * columns] = p3;
        out[at + 3 * columns + 1] = q3;
      }
    }
    for (let r = 0; r < rows; r++) {
      for (let c = r < full ? even : 0; c < columns; c++) {
        let sum = 0;
        for (let k = 0; k < inner; k++) sum += a[r * inner + k] * b[c * inner + k];
        out[r * columns + c] = sum;
      }
    }
    return out;
  }

  function transposed(a, rows, columns) {
    const out = new Float64Array(a.length);
    for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = a[r * columns + c];
    return out;
  }

  // Loops, since `map` on typed arrays takes several times as long.
  function rectified(x) {
    const out = new Float64Array(x.length);
    for (let k = 0; k < x.length; k++) if (x[k] > 0) out[k] = x[k];
    return out;
  }
  /** g where x is positive, 0 elsewhere: ReLU'(0) = 0. */
  function through(g, x) {
    const out = new Float64Array(g.length);
    for (let k = 0; k < g.length; k++) if (x[k] > 0) out[k] = g[k];
    return out;
  }
  /** a x + b y; a factor of 0 leaves out its term, were it infinite. */
  function combined(a, x, b, y) {
    const out = new Float64Array(y.length);
    if (a === 0) for (let k = 0; k < y.length; k++) out[k] = b * y[k];
    else for (let k = 0; k < y.length; k++) out[k] = a * x[k] + b * y[k];
    return out;
  }
  function dot(x, y) {
    let sum = 0;
    for (let k = 0; k < x.length; k++) sum += x[k] * y[k];
    return sum;
  }
  /** x − rate · y, in place. */
  function descend(x, rate, y) {
    for (let k = 0; k < x.length; k++) x[k] -= rate * y[k];
  }
  const finite = (list) => list.every(Number.isFinite);

  /** W x + b for each row x. */
  function affine({ weight, bias, rows, columns }, x) {
    const count = x.length / columns;
    const out = product(x, weight, new Float64Array(count * rows), count, rows, columns);
    for (let at = 0; at < out.length; at += rows) for (let k = 0; k < rows; k++) out[at + k] += bias[k];
    return out;
  }

  /** What a layer sends back to its input x, and the gradients of its weight and bias. */
  function affineBack({ weight, rows, columns }, x, g) {
    const count = x.length / columns;
    const sent = transposed(g, count, rows);
    const byBias = new Float64Array(rows);
    for (let at = 0; at < g.length; at += rows) for (let k = 0; k < rows; k++) byBias[k] += g[at + k];
    return {
      input: product(g, transposed(weight, rows, columns), new Float64Array(x.length), count, columns, rows),
      weight: product(sent, transposed(x, count, columns), new Float64Array(weight.length), rows, columns, count),
      bias: byBias,
    };
  }

  /** Each row's cross-entropy, their mean, and the gradient of the mean: (softmax − target) / rows. */
  function crossEntropy(logits, digits) {
    const rows = digits.length;
    const gradient = new Float64Array(logits.length);
    let loss = 0;
    digits.forEach((digit, r) => {
      const own = logits.subarray(r * DIGITS, (r + 1) * DIGITS);
      const top = own.reduce((a, b) => Math.max(a, b));
      const parts = own.map((logit) => Math.exp(logit - top));
      const total = parts.reduce((a, b) => a + b);
      loss += Math.log(total) - (own[digit] - top);
      parts.forEach((part, k) => {
        gradient[r * DIGITS + k] = (part / total - (k === digit)) / rows;
      });
    });
    return { loss: loss / rows, gradient };
  }

  // ------------------------------------------------------------------------------------------- the network

  /** One run: a network and its training. `layers` as `drawn` gives them; they are its own from here on. */
  function run({ depth, shortcut, scale, place, rate }, layers, order, data) {
    const post = place === "after";
    const [first, last] = [layers[0], layers.at(-1)];
    const betas = Array(depth).fill({ one: 1, root: depth ** -0.5, skipinit: 0 }[scale]);

    function unit(l, x) {
      const input = post ? x : rectified(x);
      const hidden = rectified(affine(layers[2 * l + 1], input));
      const branch = affine(layers[2 * l + 2], hidden);
      const sum = combined(shortcut, x, betas[l], branch);
      return { x, input, hidden, branch, next: post ? rectified(sum) : sum };
    }

    function forward(images) {
      const entered = affine(first, images);
      const units = [];
      let x = post ? rectified(entered) : entered;
      for (let l = 0; l < depth; l++) {
        units.push(unit(l, x));
        x = units[l].next;
      }
      const seen = post ? x : rectified(x);
      return { images, x, units, seen, logits: affine(last, seen) };
    }

    /** Gradients at x_0 … x_L, those of the layers in their order, and those of the scales. */
    function backward({ images, x, units, seen }, gradient) {
      const byLayer = Array(layers.length);
      const byScale = Array(depth).fill(0);
      byLayer[layers.length - 1] = affineBack(last, seen, gradient);
      let g = byLayer.at(-1).input;
      if (!post) g = through(g, x);
      const states = [g];
      for (let l = depth - 1; l >= 0; l--) {
        const { x: into, input, hidden, branch, next } = units[l];
        const sent = post ? through(g, next) : g;
        byScale[l] = dot(sent, branch);
        const two = affineBack(layers[2 * l + 2], hidden, combined(0, sent, betas[l], sent));
        const one = affineBack(layers[2 * l + 1], input, through(two.input, hidden));
        [byLayer[2 * l + 1], byLayer[2 * l + 2]] = [one, two];
        const back = post ? one.input : through(one.input, into);
        g = combined(shortcut, sent, 1, back);
        states.unshift(g);
      }
      const entered = post ? through(g, units.length ? units[0].x : x) : g;
      byLayer[0] = affineBack(first, images, entered);
      return { states, byLayer, byScale };
    }

    function update({ byLayer, byScale }) {
      layers.forEach(({ weight, bias }, at) => {
        descend(weight, rate, byLayer[at].weight);
        descend(bias, rate, byLayer[at].bias);
      });
      if (scale === "skipinit") byScale.forEach((slope, l) => (betas[l] -= rate * slope));
    }

    const rows = (chosen) => {
      const images = new Float64Array(chosen.length * PIXELS);
      chosen.forEach((at, r) => images.set(data.images.subarray(at * PIXELS, (at + 1) * PIXELS), r * PIXELS));
      return images;
    };
    const tests = data.images.subarray(TRAIN * PIXELS);

    function accuracy() {
      const { logits } = forward(tests);
      let right = 0;
      for (let r = 0; r < TEST; r++) {
        const own = logits.subarray(r * DIGITS, (r + 1) * DIGITS);
        right += own.indexOf(own.reduce((a, b) => Math.max(a, b))) === data.labels[TRAIN + r];
      }
      return right / TEST;
    }

    /** Root mean square over the batch of one image's ‖∂E/∂x_l‖, for l = 0 … L. */
    const sizes = ({ states }) => states.map((g) => Math.sqrt(BATCH * dot(g, g)));

    /** What step number `step` sees, and then the step: {loss, accuracy or null, sizes}, or {diverged: what did}. */
    function step(number) {
      const chosen = order[number];
      const trace = forward(rows(chosen));
      if (!finite(trace.logits)) return { diverged: "a logit" };
      const { loss, gradient } = crossEntropy(trace.logits, chosen.map((at) => data.labels[at]));
      if (!Number.isFinite(loss)) return { diverged: "the loss" };
      const gradients = backward(trace, gradient);
      const seen = sizes(gradients);
      if (!finite(seen)) return { diverged: "a gradient" };
      const found = { loss, accuracy: number % EVERY ? null : accuracy(), sizes: seen };
      if (number < STEPS) update(gradients);
      return found;
    }
    return { step, layers, betas };
  }

  /** Runs of several settings from the same numbers and with the same images: yields each step of each, returns the runs. */
  function* race(data, settings) {
    const order = batches(settings[0].seed);
    const runs = settings.map((own) => run(own, drawn(own.depth, own.seed), order, data));
    const lost = settings.map(() => false);
    for (let number = 0; number <= STEPS; number++) {
      for (const [which, { step }] of runs.entries()) {
        if (lost[which]) continue;
        const found = step(number);
        lost[which] = "diverged" in found;
        yield { which, number, part: number / STEPS, ...found };
      }
    }
    return runs;
  }

  return { unpacked, centred, drawn, batches, run, race, STEPS, EVERY, BATCH, WIDTH };
}
