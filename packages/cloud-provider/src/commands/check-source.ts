// SPDX-License-Identifier: Apache-2.0
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Node,
  type Pair,
  type YAMLMap,
} from 'yaml';
import type { Severity } from '../pools/pool.ts';

/** Something to tell about a line of a manifest. */
export interface Finding {
  /** From 1. */
  readonly line: number;
  readonly severity: Severity;
  /** Key of the ConfigMap, when it is about one. */
  readonly key?: string;
  readonly value?: string;
  readonly problem: string;
  readonly nearestKey?: string;
}

/** An object of the manifest. */
export interface ManifestObject {
  readonly map: YAMLMap;
  readonly source: ManifestSource;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string | undefined;
}

/** Words that YAML 1.2 reads as text, and kubectl, which reads YAML 1.1, as true or false. */
const OLD_BOOLEAN = /^(y|n|yes|no|on|off)$/i;

/** Text of a manifest, and what is where in it. */
export class ManifestSource {
  readonly lines = new LineCounter();
  readonly #text: string;
  readonly #document: Document.Parsed | undefined;

  constructor(text: string, lines?: LineCounter, document?: Document.Parsed) {
    this.#text = text;
    this.lines = lines ?? this.lines;
    this.#document = document;
  }

  /** The same, with the anchors of one document. */
  of(document: Document.Parsed): ManifestSource {
    return new ManifestSource(this.#text, this.lines, document);
  }

  /** Line of a place in the text. */
  lineAt(offset: number): number {
    return Math.max(1, this.lines.linePos(offset).line);
  }

  /** Line on which a node begins. */
  lineOf(node: unknown): number {
    return isNode(node) && node.range ? this.lineAt(node.range[0]) : 1;
  }

  /** The node an alias stands for; other nodes stand for themselves. */
  resolve(node: unknown): Node | undefined {
    if (isAlias(node)) return this.#document === undefined ? undefined : node.resolve(this.#document);
    return isNode(node) ? node : undefined;
  }

  /** A document of comments alone. */
  isEmpty(node: Node): boolean {
    return isScalar(node) && node.value === null;
  }

  /** Text of the key of a pair. */
  keyOf(pair: Pair): string {
    const key = this.resolve(pair.key);
    return isScalar(key) ? String(key.source ?? key.value) : '';
  }

  /** Value of a field. */
  valueOf(map: YAMLMap, name: string): unknown {
    return map.items.find((pair) => this.keyOf(pair) === name)?.value ?? undefined;
  }

  /** The text of a scalar that is one. */
  text(node: unknown): string | undefined {
    const scalar = this.resolve(node);
    return isScalar(scalar) && typeof scalar.value === 'string' ? scalar.value : undefined;
  }

  /** A node as it stands in the text. */
  written(node: unknown): string {
    return isNode(node) && node.range ? this.#text.slice(node.range[0], node.range[1]).trim() : '';
  }

  /** A boolean or number as it is written. */
  bareText(node: unknown): string | undefined {
    const scalar = this.resolve(node);
    return isScalar(scalar) && scalar.value !== null ? (scalar.source ?? String(scalar.value)) : undefined;
  }

  /** What stands in the place of a text, in words; undefined for a text. */
  misfit(node: unknown): string | undefined {
    const value = this.resolve(node);
    if (value === undefined) return 'nothing';
    if (!isScalar(value)) return isMap(value) ? 'a mapping' : 'a list';
    if (value.value === null) return 'nothing';
    if (typeof value.value === 'boolean') return 'a boolean';
    if (typeof value.value === 'number' || typeof value.value === 'bigint') return 'a number';
    const isBare = value.type === 'PLAIN' && value.tag === undefined;
    return isBare && OLD_BOOLEAN.test(String(value.value)) ? 'a boolean to kubectl' : undefined;
  }

  /**
   * Line of the entry that begins at `offset` of a value, where the value takes several lines; `fallback` where it takes one.
   * Found by counting the same words before it, since folding and escapes change places but not words.
   */
  lineOfEntry(node: unknown, value: string, offset: number, fallback: number): number {
    const scalar = this.resolve(node);
    if (!isScalar(scalar) || !scalar.range) return fallback;
    const [start, end] = scalar.range;
    const written = this.#text.slice(start, end);
    const [word = ''] = /^[^\s,]+/.exec(value.slice(offset)) ?? [];
    if (word === '' || !written.trimEnd().includes('\n')) return fallback;
    const isBlock = scalar.type === 'BLOCK_LITERAL' || scalar.type === 'BLOCK_FOLDED';
    let place = isBlock ? written.indexOf('\n') : -1;
    for (let before = countOf(value.slice(0, offset), word); before >= 0; before--) {
      place = written.indexOf(word, place + 1);
      if (place < 0) return fallback;
    }
    return this.lineAt(start + place);
  }
}

function countOf(text: string, word: string): number {
  let count = 0;
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) count++;
  return count;
}
