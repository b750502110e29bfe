/** Fetch the assets of a bundle, and use none whose checksum is not the one that `app.json` names. */
import * as v from 'valibot';
import { AppSchema, type App, type FileEntry } from './app.ts';
import { ContractSchema, type Contract } from './contract.ts';
import { GoldensSchema, type Vector } from './goldens.ts';

/** The model may not be used; each line says why. */
export class RefusedError extends Error {
  constructor(readonly reasons: readonly string[]) {
    super(reasons.join('; '));
  }
}

export interface Assets {
  readonly app: App;
  readonly contract: Contract;
  readonly vectors: readonly Vector[];
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** Where a file of the bundle is fetched from: its checksum in the address, so that caches never mix two bundles. */
export function addressOf(file: FileEntry, folder: URL): URL {
  const address = new URL(file.path, folder);
  address.searchParams.set('v', file.sha256.slice(0, 16));
  return address;
}

/** All files under `folder`, checked; raises `RefusedError`. */
export async function loadAssets(folder: URL): Promise<Assets> {
  if (!crypto.subtle)
    throw new RefusedError(['checksums need WebCrypto, which browsers have only over https and on localhost']);
  const app = parsed(AppSchema, await fetched(new URL('app.json', folder), 'app.json'), 'app.json');
  const checked = await Promise.allSettled(
    app.files.map(async (file) => [file.path, await verified(file, folder)] as const),
  );
  const refused = checked.filter((one) => one.status === 'rejected').map(({ reason }) => (reason as Error).message);
  if (refused.length) throw new RefusedError(refused);
  const files = new Map(checked.map((one) => (one as PromiseFulfilledResult<[string, Uint8Array<ArrayBuffer>]>).value));
  const named = (name: string): Uint8Array<ArrayBuffer> => {
    const bytes = files.get(name);
    if (!bytes) throw new RefusedError([`${name}: not listed in app.json`]);
    return bytes;
  };
  named(app.model);
  const contract = parsed(ContractSchema, named('contract.json'), 'contract.json');
  const { vectors } = parsed(GoldensSchema, named('golden/vectors.json'), 'golden/vectors.json');
  return { app, contract, vectors, files };
}

async function verified(file: FileEntry, folder: URL): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await fetched(addressOf(file, folder), file.path);
  if (bytes.length !== file.bytes) throw new Error(`${file.path}: ${bytes.length} bytes instead of ${file.bytes}`);
  if ((await sha256(bytes)) !== file.sha256) throw new Error(`${file.path}: changed (another SHA-256)`);
  return bytes;
}

async function fetched(address: URL, name: string): Promise<Uint8Array<ArrayBuffer>> {
  let answer: Response;
  try {
    answer = await fetch(address);
  } catch {
    throw new RefusedError([`${name}: cannot be fetched`]);
  }
  // a server of single-page apps answers anything with its page
  const isPage = answer.headers.get('content-type')?.startsWith('text/html') && !name.endsWith('.html');
  if (!answer.ok || isPage) throw new RefusedError([`${name}: not there (see README.md, "edgefrac bundle --app")`]);
  return new Uint8Array(await answer.arrayBuffer());
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function parsed<T extends v.GenericSchema>(schema: T, bytes: Uint8Array, name: string): v.InferOutput<T> {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new RefusedError([`${name}: not JSON`]);
  }
  const result = v.safeParse(schema, document);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new RefusedError([`${name}: ${v.getDotPath(issue) ?? ''} ${issue.message}`]);
}
