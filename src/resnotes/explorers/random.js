// Random numbers of the explorers' own: the same on every machine.

/**
 * Independent normal numbers: a function (list, standard deviation) -> the list, filled. They depend on the two whole
 * numbers alone. The generator is sfc32, the method the polar one. It uses nothing from outside, so that a worker can
 * be given its text.
 */
export function generator(seed, stream) {
  // Kept in a typed list: a variable that outlives a call holds a number of any kind, which is slower by far.
  const kept = Int32Array.of(seed, stream, 0x9e3779b9, 1);
  function uniform() {
    const [a, b, c, counter] = [kept[0], kept[1], kept[2], kept[3]];
    const sum = (a + b + counter) | 0;
    kept[3] = counter + 1;
    kept[0] = b ^ (b >>> 9);
    kept[1] = c + (c << 3);
    kept[2] = ((c << 21) | (c >>> 11)) + sum;
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
