// A stranger's program: runs an exported file on raw pixels and prints what it says. Usage: MODEL PIXELS SIZE
const fs = require("node:fs");
const ort = require("onnxruntime-node");

async function main([model, pixels, size]) {
  const session = await ort.InferenceSession.create(model);
  const image = new ort.Tensor("uint8", new Uint8Array(fs.readFileSync(pixels)), [1, +size, +size, 1]);
  const { probability, evidence } = await session.run({ image });
  console.log(
    JSON.stringify({
      inputs: session.inputNames,
      outputs: session.outputNames,
      probability: Array.from(probability.data),
      dims: evidence.dims,
      evidence: Array.from(evidence.data),
    }),
  );
}

main(process.argv.slice(2));
