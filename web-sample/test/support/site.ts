/** The built page on a server of its own, whose files a test may change on the way. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

export type Bytes = Uint8Array<ArrayBufferLike>;

const ROOT = 'dist';
const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
};

export class Site {
  /** Files, by path in the site, that are served otherwise than they are. */
  readonly changed = new Map<string, Bytes>();
  readonly address: string;

  private constructor(private readonly server: Server) {
    this.address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  static async open(): Promise<Site> {
    if (!existsSync(join(ROOT, 'index.html'))) throw new Error('dist/index.html is not there: npm run build');
    const server = createServer((request, response) => {
      const path = decodeURIComponent(new URL(request.url!, 'http://any').pathname).slice(1) || 'index.html';
      const file = join(ROOT, normalize(path));
      if (!file.startsWith(ROOT) || !existsSync(file) || !statSync(file).isFile())
        return void response.writeHead(404).end();
      const type = TYPES[extname(file)] ?? 'application/octet-stream';
      response.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache' });
      return void response.end(site.changed.get(path) ?? readFileSync(file));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const site = new Site(server);
    return site;
  }

  read(path: string): Uint8Array {
    return new Uint8Array(readFileSync(join(ROOT, path)));
  }

  /** Serve another content of one of the bundle's files; `sealed` changes its checksum in app.json, too. */
  change(path: string, content: Bytes, sealed = false): void {
    this.changed.set(`edgefrac/${path}`, content);
    if (!sealed) return;
    const app = JSON.parse(new TextDecoder().decode(this.read('edgefrac/app.json'))) as {
      files: { path: string; bytes: number; sha256: string }[];
    };
    const entry = app.files.find((file) => file.path === path)!;
    entry.bytes = content.length;
    entry.sha256 = createHash('sha256').update(content).digest('hex');
    this.changed.set('edgefrac/app.json', new TextEncoder().encode(JSON.stringify(app)));
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
