/** Numbers and codes out of a DICOM file; tags are written as dicom-parser does, `xGGGGEEEE`. */
import type { DataSet, Element } from 'dicom-parser';

/** Where a fact about the first frame may stand: the file itself, then its functional groups (PS3.3 C.7.6.16). */
export function scopesOf(file: DataSet): DataSet[] {
  const groups = ['x52009230', 'x52009229'].flatMap((tag) => file.elements[tag]?.items?.[0]?.dataSet ?? []);
  const inside = groups.flatMap((group) => Object.values(group.elements));
  return [file, ...inside.flatMap(({ items }) => items?.[0]?.dataSet ?? [])];
}

/** The first scope that has the element. */
export function found(scopes: DataSet[], tag: string): { scope: DataSet; element: Element } | undefined {
  for (const scope of scopes) {
    const element = scope.elements[tag];
    if (element) return { scope, element };
  }
  return undefined;
}

/** All values of a decimal or integer string; none if it is absent, empty or unreadable. */
export function numbers(scopes: DataSet[], tag: string): number[] {
  const where = found(scopes, tag);
  const written = where?.scope.string(tag)?.trim();
  if (!written) return [];
  const values = written.split('\\').map((value) => (value.trim() ? Number(value) : Number.NaN));
  return values.every(Number.isFinite) ? values : [];
}

/** A code, without the spaces that pad it. */
export function text(file: DataSet, tag: string): string {
  return file.string(tag)?.trim() ?? '';
}

/** An unsigned 16-bit number. */
export function integer(file: DataSet, tag: string, otherwise: number): number {
  return file.uint16(tag) ?? otherwise;
}

/** A 16-bit number that is signed where the file says so, or, where its kind isn't written, where its pixels are. */
export function asPixel(file: DataSet, scope: DataSet, tag: string, index = 0): number | undefined {
  const vr = scope.elements[tag]?.vr;
  const isSigned = vr ? vr === 'SS' : integer(file, 'x00280103', 0) === 1;
  return isSigned ? scope.int16(tag, index) : scope.uint16(tag, index);
}

/** 16-bit words of an element, in the file's byte order. */
export function words(scope: DataSet, element: Element): Uint16Array {
  const { byteArray, byteArrayParser } = scope;
  const count = Math.floor(element.length / 2);
  return Uint16Array.from({ length: count }, (_, at) =>
    byteArrayParser.readUint16(byteArray, element.dataOffset + 2 * at),
  );
}
