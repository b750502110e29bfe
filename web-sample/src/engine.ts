/** The model in LiteRT, on one accelerator; what goes in and out is what the contract says. */
import { getWebGpuDevice, loadAndCompile, loadLiteRt, Tensor, type CompiledModel } from '@litertjs/core';
import { evidenceShape, taskOf, type Contract } from './assets/contract.ts';
import { channelOf, type Grid } from './evidence.ts';

export type Accelerator = 'wasm' | 'webgpu';

export interface Prediction {
  /** All outputs of that name, calibrated. */
  readonly probability: Float32Array;
  /** All channels of the evidence map, [rows, columns, channels]. */
  readonly evidence: Float32Array;
  /** From the input to the outputs. */
  readonly milliseconds: number;
}

/** Load the runtime's WebAssembly once, from `folder`. */
export async function loadRuntime(folder: URL): Promise<void> {
  // a worker made from a blob has no address from which the runtime could tell where its own files are
  const locateFile = (file: string): string => new URL(file, folder).href;
  // it writes all it has to say to standard error, which would make errors of notes
  const printErr = (line: string): void =>
    /^(INFO|WARNING|VERBOSE)/.test(line) ? console.debug(line) : console.error(line);
  Object.assign(self, { Module: { locateFile, printErr } });
  await loadLiteRt(folder.href);
}

export class Engine {
  private constructor(
    private readonly model: CompiledModel,
    private readonly contract: Contract,
    readonly accelerator: Accelerator,
  ) {}

  /** Compile `model`; raises where the accelerator isn't there, takes only a part of it, or the file breaks its contract. */
  static async open(model: Uint8Array, contract: Contract, accelerator: Accelerator): Promise<Engine> {
    if (accelerator === 'webgpu' && !getWebGpuDevice()) throw new Error('this browser offers none');
    const compiled = await loadAndCompile(model, { accelerator });
    try {
      if (compiled.options.accelerator !== accelerator || (accelerator === 'webgpu' && !compiled.isFullyAccelerated)) {
        throw new Error('it does not take the whole model');
      }
      checkShapes(compiled, contract);
    } catch (error) {
      compiled.delete();
      throw error;
    }
    return new Engine(compiled, contract, accelerator);
  }

  /** Run the network on one input [size, size]. */
  async run(networkInput: Uint8Array): Promise<Prediction> {
    const start = performance.now();
    const input = new Tensor(networkInput as Uint8Array<ArrayBuffer>, [...this.contract.input.shape]);
    try {
      const outputs = await this.model.run([input]);
      try {
        const probability = await this.output(outputs, 'probability');
        const evidence = await this.output(outputs, 'evidence');
        return { probability, evidence, milliseconds: performance.now() - start };
      } finally {
        for (const output of outputs) output.delete();
      }
    } finally {
      input.delete();
    }
  }

  close(): void {
    this.model.delete();
  }

  private async output(outputs: Tensor[], name: 'probability' | 'evidence'): Promise<Float32Array> {
    const { index } = this.contract.outputs.find((output) => output.name === name)!;
    return (await outputs[index]!.data()).slice() as Float32Array;
  }
}

/** The map of the contract's task. */
export function evidenceOf(contract: Contract, tensor: Float32Array): Grid {
  const [rows, columns] = evidenceShape(contract)!;
  return channelOf(tensor, rows, columns, taskOf(contract).first_channel);
}

function checkShapes(model: CompiledModel, contract: Contract): void {
  if (!evidenceShape(contract)) throw new Error('the model has no evidence map to show');
  const inputs = model.getInputDetails();
  const outputs = model.getOutputDetails();
  const wanted = [contract.input, ...contract.outputs];
  const found = [inputs[0], ...contract.outputs.map(({ index }) => outputs[index])];
  wanted.forEach(({ name, dtype, shape }, at) => {
    const tensor = found[at];
    if (tensor?.dtype !== dtype || `${[...tensor.shape]}` !== `${shape}`) {
      throw new Error(`the model's ${name} is not as its contract says`);
    }
  });
}
