// SPDX-License-Identifier: Apache-2.0
import { FUNCTIONS, isEmpty, textOf, type Value, type ValueMap } from './functions.ts';
import type { Expression, Node } from './parse.ts';

/** What a template is evaluated with. */
export interface Surroundings {
  /** Named templates. */
  readonly defines: ReadonlyMap<string, readonly Node[]>;
  /** Objects of the cluster, by `lookup`'s arguments joined by spaces. */
  readonly objects: ReadonlyMap<string, ValueMap>;
}

/** Variables of a block, those of the blocks around it included. */
class Scope {
  readonly #own = new Map<string, Value>();
  readonly #outer: Scope | undefined;

  constructor(outer?: Scope) {
    this.#outer = outer;
  }

  get(name: string): Value {
    if (this.#own.has(name)) return this.#own.get(name);
    if (this.#outer === undefined) throw new Error(`undefined variable $${name}`);
    return this.#outer.get(name);
  }

  declare(name: string, value: Value): void {
    this.#own.set(name, value);
  }

  assign(name: string, value: Value): void {
    if (this.#own.has(name)) this.#own.set(name, value);
    else if (this.#outer === undefined) throw new Error(`undefined variable $${name}`);
    else this.#outer.assign(name, value);
  }
}

/** What nodes print, with `dot` as the current value and the value of `$`. */
export function render(nodes: readonly Node[], dot: Value, surroundings: Surroundings): string {
  const scope = new Scope();
  scope.declare('', dot);
  return printAll(nodes, dot, scope, surroundings);
}

function printAll(nodes: readonly Node[], dot: Value, scope: Scope, all: Surroundings): string {
  return nodes.map((node) => print(node, dot, scope, all)).join('');
}

function print(node: Node, dot: Value, scope: Scope, all: Surroundings): string {
  if (node.kind === 'text') return node.text;
  const value = evaluate(node.value, dot, scope, all);
  switch (node.kind) {
    case 'print':
      return textOf(value);
    case 'set':
      if (node.declares) scope.declare(node.name, value);
      else scope.assign(node.name, value);
      return '';
    case 'range':
      return entriesOf(value)
        .map(([key, item]) => {
          const inner = new Scope(scope);
          const [first, second] = node.names;
          if (first !== undefined) inner.declare(first, second === undefined ? item : key);
          if (second !== undefined) inner.declare(second, item);
          return printAll(node.body, item, inner, all);
        })
        .join('');
    case 'if':
    case 'with': {
      const inner = new Scope(scope);
      if (isEmpty(value)) return printAll(node.otherwise, dot, inner, all);
      return printAll(node.then, node.kind === 'with' ? value : dot, inner, all);
    }
  }
}

/** Maps in the order of their keys, as Go has it. */
function entriesOf(value: Value): readonly (readonly [Value, Value])[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.map((item: Value, i) => [i, item] as const);
  if (typeof value !== 'object') throw new Error(`range over ${JSON.stringify(value)}`);
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}

function evaluate(
  expression: Expression,
  dot: Value,
  scope: Scope,
  all: Surroundings,
  last?: [Value],
): Value {
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'field': {
      let value = expression.name === undefined ? dot : scope.get(expression.name);
      for (const part of expression.path) {
        if (value === null || typeof value !== 'object') {
          throw new Error(`nil pointer: .${expression.path.join('.')} of ${JSON.stringify(value)}`);
        }
        value = (value as ValueMap)[part];
      }
      return value;
    }
    case 'pipe': {
      let given: [Value] | undefined;
      for (const stage of expression.stages) given = [evaluate(stage, dot, scope, all, given)];
      return given?.[0];
    }
    case 'call': {
      const args = expression.args.map((each) => evaluate(each, dot, scope, all));
      return call(expression.name, [...args, ...(last ?? [])], all);
    }
  }
}

function call(name: string, args: Value[], all: Surroundings): Value {
  if (name === 'include') {
    const nodes = all.defines.get(textOf(args[0]));
    if (nodes === undefined) throw new Error(`no template "${textOf(args[0])}"`);
    return render(nodes, args[1], all);
  }
  if (name === 'lookup') return all.objects.get(args.map(textOf).join(' ')) ?? {};
  const found = FUNCTIONS[name];
  if (found === undefined) throw new Error(`function "${name}" not defined`);
  return found(...args);
}
