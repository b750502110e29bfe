/** A visit to the page in headless Chromium, and all that went over the network and to the console meanwhile. */
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import type { Look } from '../../src/messages.ts';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

export function launch(...more: string[]): Promise<Browser> {
  const args = [
    '--no-sandbox',
    '--disable-quic',
    '--disable-background-networking',
    '--disable-component-update',
    ...more,
  ];
  return chromium.launch({ executablePath: CHROMIUM, args: more.length ? args : [...args, '--disable-gpu'] });
}

/** What a test asks of an answer; arrays come over as text. */
export interface Answer extends Pick<Look, 'decision' | 'timings' | 'foreign' | 'accelerator' | 'notes'> {
  readonly networkInput: Uint8Array;
  readonly evidence: Float32Array;
}

export class Visit {
  readonly errors: string[] = [];
  readonly requests: string[] = [];

  private constructor(readonly page: Page) {
    page.on('console', (message) => message.type() === 'error' && this.errors.push(message.text()));
    page.on('pageerror', (error) => this.errors.push(error.message));
    page.context().on('request', (request) => this.requests.push(request.url()));
  }

  /** Open the page and wait until its self-test is over. */
  static async to(browser: Browser, address: string, options: BrowserContextOptions = {}): Promise<Visit> {
    const context = await browser.newContext(options);
    const visit = new Visit(await context.newPage());
    await visit.load(address);
    return visit;
  }

  async load(address: string): Promise<void> {
    await this.page.goto(address);
    await this.tested();
  }

  async tested(): Promise<void> {
    await this.page.waitForFunction(() => document.getElementById('status')!.dataset['state'] !== 'starting');
  }

  get state(): Promise<string | null> {
    return this.page.getAttribute('#status', 'data-state');
  }

  /** Give the page a file; its answer, or the words with which it declines. */
  async give(file: string | { name: string; mimeType: string; buffer: Buffer }): Promise<Answer | string> {
    const found = this.page.evaluate(() => {
      const text = (bytes: Uint8Array): string => {
        let all = '';
        for (let at = 0; at < bytes.length; at += 8192) all += String.fromCharCode(...bytes.subarray(at, at + 8192));
        return btoa(all);
      };
      return new Promise<object | string>((resolve) => {
        const stop = new AbortController();
        const listen = (name: string, take: (detail: never) => object | string): void =>
          document.addEventListener(
            name,
            (event) => {
              stop.abort();
              resolve(take((event as CustomEvent).detail as never));
            },
            { signal: stop.signal },
          );
        listen('edgefrac-failure', (message: string) => message);
        listen('edgefrac-answer', ({ picture: _, evidence, networkInput, ...rest }: Look) => ({
          ...rest,
          evidence: text(new Uint8Array(evidence.buffer)),
          networkInput: text(networkInput),
        }));
      });
    });
    await this.page.setInputFiles('#file', file);
    const answer = (await found) as
      string | (Omit<Answer, 'evidence' | 'networkInput'> & { evidence: string; networkInput: string });
    if (typeof answer === 'string') return answer;
    const bytes = (encoded: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(encoded, 'base64'));
    return {
      ...answer,
      networkInput: bytes(answer.networkInput),
      evidence: new Float32Array(bytes(answer.evidence).buffer),
    };
  }

  /** The pixels of a canvas, RGBA. */
  async pixels(id: string): Promise<Uint8Array> {
    const encoded = await this.page.evaluate((name) => {
      const canvas = document.getElementById(name) as HTMLCanvasElement;
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      let all = '';
      for (let at = 0; at < data.length; at += 8192) all += String.fromCharCode(...data.subarray(at, at + 8192));
      return btoa(all);
    }, id);
    return Uint8Array.from(Buffer.from(encoded, 'base64'));
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}
