// Random numbers of the explorers' own: the same on every machine.

/**
 * Independent normal numbers: a function (list, standard deviation) -> the list, filled. They depend on the two whole
 * numbers alone. The generator is sfc32, the method the polar one. It uses nothing from outside, so that a worker can
 * be given its text.
 */
export function generator(seed, stream) {
  let [a, b, c, counter] = [seed, stream, 0x9e3779b9, 1];
  function uniform() {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 4294967296;
  }
  for (let i = 0; i < 15; i++) uniform();
  return (out, deviation) => {
    for (let i = 0; i < out.length; i += 2) {
      let u, v, square;
      do {
        u = 2 * uniform() - 1;
        v = 2 * uniform() - 1;
        square = u * u + v * v;
      } while (square >= 1 || square === 0);
      const factor = deviation * Math.sqrt((-2 * Math.log(square)) / square);
      out[i] = u * factor;
      if (i + 1 < out.length) out[i + 1] = v * factor;
    }
    return out;
  };
}
