// Work that takes longer than 50 ms, in a worker made from a Blob URL, so that it needs no file and no server.

/**
 * The text of a worker that runs `job`, a generator function of what it is given. A worker sees nothing of a module: what
 * the job calls and reads comes along as `tools`, functions and plain data by name, functions as their own text.
 */
export function program(job, tools = {}) {
  const said = Object.entries(tools).map(
    ([name, value]) => `const ${name} = ${typeof value === "function" ? value : JSON.stringify(value)};`,
  );
  return `${said.join("\n")}
const job = ${job};
onmessage = ({ data }) => {
  const steps = job(data);
  for (;;) {
    const { value, done } = steps.next();
    postMessage({ value, done });
    if (done) return;
  }
};`;
}

/**
 * Run `job`, whose every `yield` goes to `told`. Returned are `result`, a promise of what the job returns, which never
 * settles after `stop()`. Data that cross are copied; typed arrays may.
 */
export function work(job, given, { tools, told = () => {} } = {}) {
  const url = URL.createObjectURL(new Blob([program(job, tools)], { type: "text/javascript" }));
  const worker = new Worker(url);
  const end = () => {
    worker.terminate();
    URL.revokeObjectURL(url);
  };
  const result = new Promise((resolve, reject) => {
    worker.onmessage = ({ data: { value, done } }) => {
      if (!done) return told(value);
      end();
      resolve(value);
    };
    worker.onerror = (event) => {
      end();
      reject(new Error(event.message || "The worker could not be started."));
    };
  });
  worker.postMessage(given);
  return { result, stop: end };
}
