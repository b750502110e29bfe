/** Folder of LiteRT's WebAssembly, relative to the page; set by vite.config.ts. */
declare const RUNTIME_FOLDER: string;

declare module '*?worker&inline' {
  const InlineWorker: new () => Worker;
  export default InlineWorker;
}

declare module '*.css';
