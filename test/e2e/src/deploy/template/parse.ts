// SPDX-License-Identifier: Apache-2.0

/** An expression of a template. */
export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  /** `.a.b` of the current value (`name` undefined), or `$name.a.b`. */
  | { readonly kind: 'field'; readonly name: string | undefined; readonly path: readonly string[] }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  /** Each stage gets what the one before gave as its last argument. */
  | { readonly kind: 'pipe'; readonly stages: readonly Expression[] };

/** A piece of a template. */
export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly value: Expression }
  | { readonly kind: 'set'; readonly name: string; readonly declares: boolean; readonly value: Expression }
  | {
      readonly kind: 'if' | 'with';
      readonly value: Expression;
      readonly then: readonly Node[];
      readonly otherwise: readonly Node[];
    }
  | {
      readonly kind: 'range';
      readonly names: readonly string[];
      readonly value: Expression;
      readonly body: readonly Node[];
    };

/** A file of templates: what it prints itself, and what it defines for others. */
export interface Template {
  readonly body: readonly Node[];
  readonly defines: ReadonlyMap<string, readonly Node[]>;
}

type Token = { readonly text: string } | { readonly action: string };

/** Text and actions in turn; a dash at an action's end takes the white space beyond away. */
function tokens(source: string): Token[] {
  const found: Token[] = [];
  const actions = /\{\{(- )?(\/\*[\s\S]*?\*\/|(?:"(?:[^"\\]|\\.)*"|[^"])*?)( -)?\}\}/g;
  let from = 0;
  let trimNext = false;
  for (const match of source.matchAll(actions)) {
    const [whole, left, action = '', right] = match;
    let text = source.slice(from, match.index);
    if (trimNext) text = text.trimStart();
    if (left !== undefined) text = text.trimEnd();
    found.push({ text });
    if (!action.startsWith('/*')) found.push({ action: action.trim() });
    trimNext = right !== undefined;
    from = match.index + whole.length;
  }
  const rest = source.slice(from);
  found.push({ text: trimNext ? rest.trimStart() : rest });
  return found;
}

const WORDS = /"(?:[^"\\]|\\.)*"|:=|[()|,=]|[^\s()|,="]+/g;

class Reader {
  readonly defines = new Map<string, readonly Node[]>();
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(source: string) {
    this.#tokens = tokens(source);
  }

  /** Nodes up to the action that ends them (`end`, `else …`), which is returned too; undefined at the end of the file. */
  block(): { readonly nodes: readonly Node[]; readonly endedBy: string | undefined } {
    const nodes: Node[] = [];
    for (;;) {
      const token = this.#tokens[this.#next++];
      if (token === undefined) return { nodes, endedBy: undefined };
      if ('text' in token) {
        if (token.text !== '') nodes.push({ kind: 'text', text: token.text });
        continue;
      }
      if (/^(end|else)\b/.test(token.action)) return { nodes, endedBy: token.action };
      const node = this.#action(token.action);
      if (node !== undefined) nodes.push(node);
    }
  }

  #action(action: string): Node | undefined {
    const keyword = /^(define|if|with|range)\s+([\s\S]*)$/.exec(action);
    const rest = keyword?.[2] ?? '';
    switch (keyword?.[1]) {
      case 'define':
        this.defines.set(JSON.parse(rest) as string, this.#body());
        return undefined;
      case 'if':
        return this.#choice('if', rest);
      case 'with':
        return this.#choice('with', rest);
      case 'range': {
        const [names, value] = rest.includes(':=') ? rest.split(':=') : ['', rest];
        const body = this.#body();
        return {
          kind: 'range',
          names: (names ?? '')
            .split(',')
            .map((name) => name.trim().slice(1))
            .filter(Boolean),
          value: expression(value ?? ''),
          body,
        };
      }
      default: {
        const set = /^\$(\w+)\s*(:=|=)([\s\S]*)$/.exec(action);
        if (set === null) return { kind: 'print', value: expression(action) };
        return {
          kind: 'set',
          name: set[1] ?? '',
          declares: set[2] === ':=',
          value: expression(set[3] ?? ''),
        };
      }
    }
  }

  #choice(kind: 'if' | 'with', condition: string): Node {
    const value = expression(condition);
    const { nodes: then, endedBy } = this.block();
    const otherwise = /^else\s+if\s+([\s\S]*)$/.exec(endedBy ?? '');
    if (otherwise !== null) {
      return { kind, value, then, otherwise: [this.#choice('if', otherwise[1] ?? '')] };
    }
    return { kind, value, then, otherwise: endedBy === 'else' ? this.#body() : [] };
  }

  #body(): readonly Node[] {
    const { nodes, endedBy } = this.block();
    if (endedBy !== 'end') throw new Error(`expected {{ end }}, got ${endedBy ?? 'the end of the file'}`);
    return nodes;
  }
}

function expression(text: string): Expression {
  const words = text.match(WORDS) ?? [];
  let next = 0;
  const pipeline = (): Expression => {
    const stages = [command()];
    while (words[next] === '|') {
      next += 1;
      stages.push(command());
    }
    const [only] = stages;
    return stages.length === 1 && only !== undefined ? only : { kind: 'pipe', stages };
  };
  const command = (): Expression => {
    const word = words[next] ?? '';
    const isCall = /^[a-zA-Z]\w*$/.test(word) && !['true', 'false', 'nil'].includes(word);
    if (!isCall) return operand();
    next += 1;
    const args: Expression[] = [];
    while (next < words.length && words[next] !== '|' && words[next] !== ')') args.push(operand());
    return { kind: 'call', name: word, args };
  };
  const operand = (): Expression => {
    const word = words[next++];
    if (word === undefined) throw new Error(`an operand is missing in {{ ${text} }}`);
    if (word === '(') {
      const inner = pipeline();
      if (words[next++] !== ')') throw new Error(`expected ) in {{ ${text} }}`);
      return inner;
    }
    return literalOf(word) ?? fieldOf(word) ?? { kind: 'call', name: word, args: [] };
  };
  const whole = pipeline();
  if (next !== words.length) throw new Error(`"${words[next]}" is one word too many in {{ ${text} }}`);
  return whole;
}

function literalOf(word: string): Expression | undefined {
  if (/^("|-?\d+$|(true|false)$)/.test(word)) {
    return { kind: 'literal', value: JSON.parse(word) as string | number | boolean };
  }
  return word === 'nil' ? { kind: 'literal', value: null } : undefined;
}

function fieldOf(word: string): Expression | undefined {
  const match = /^(?:\$(\w*))?((?:\.\w+)*|\.)$/.exec(word);
  if (match === null) return undefined;
  const path = (match[2] ?? '').split('.').filter(Boolean);
  return { kind: 'field', name: word.startsWith('$') ? (match[1] ?? '') : undefined, path };
}

/** Reads the part of Go's template language that our chart uses. @throws Error for anything else */
export function parseTemplate(source: string): Template {
  const reader = new Reader(source);
  const { nodes, endedBy } = reader.block();
  if (endedBy !== undefined) throw new Error(`{{ ${endedBy} }} without a beginning`);
  return { body: nodes, defines: reader.defines };
}
