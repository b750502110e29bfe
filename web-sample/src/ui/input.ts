/** A file picked, dropped or pasted. */
import { byId } from './dom.ts';

type Taken = (file: Blob, name: string) => Promise<void>;

export function connectInput(take: Taken): void {
  const input = byId<HTMLInputElement>('file');
  const takeFirst = (files: FileList | undefined | null): void => {
    const file = files?.[0];
    if (file) void take(file, file.name);
  };
  input.addEventListener('change', () => {
    takeFirst(input.files);
    input.value = ''; // so that the same file can be picked again
  });
  const target = byId('pick');
  const isOver = (over: boolean): unknown => target.classList.toggle('over', over);
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    isOver(true);
  });
  document.addEventListener('dragleave', ({ relatedTarget }) => !relatedTarget && isOver(false));
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    isOver(false);
    takeFirst(event.dataTransfer?.files);
  });
  document.addEventListener('paste', ({ clipboardData }) => takeFirst(clipboardData?.files));
}
