// SPDX-License-Identifier: Apache-2.0
import { PROTECTION_TABLE, TABLE } from '../skeleton.ts';

/**
 * The table as the kernel would have it after some scripts: a model of nftables as strict as the kernel about what refers to
 * what, for the few commands that our scripts consist of.
 */
export class TableState {
  #sets = new Map<string, Map<string, string>>();
  #chains = new Map<string, string[]>();
  #counters = new Set<string>();

  /** One transaction. @throws Error for what the kernel would refuse */
  run(script: string): this {
    const [before = '', skeleton = '', after = ''] = script.split(/^(table .*?^\}\n)/ms);
    for (const line of before.split('\n')) this.#line(line);
    this.#declare(skeleton);
    for (const line of after.split('\n')) this.#line(line);
    return this;
  }

  /** Everything, for comparing; the order of rules counts. */
  get contents(): unknown {
    const sorted = <T>(entries: Iterable<readonly [string, T]>) =>
      [...entries].sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
    return {
      sets: sorted([...this.#sets].map(([name, elements]) => [name, sorted(elements)] as const)),
      chains: sorted(this.#chains),
      counters: [...this.#counters].sort(),
    };
  }

  /** Names of the chains that somebody's packets may go to. */
  get targets(): ReadonlySet<string> {
    const verdicts = [...this.#sets.values()].flatMap((elements) => [...elements.values()]);
    return new Set(
      verdicts.filter((verdict) => verdict !== '').map((verdict) => verdict.replace('goto ', '')),
    );
  }

  #line(line: string): void {
    if (line.trim() === '') return;
    const [, verb = '', kind = '', rest = ''] = /^(add|delete|flush) (\w+) (.*)$/.exec(line) ?? [];
    if (kind === 'table') {
      this.#table(verb, rest);
      return;
    }
    if (!rest.startsWith(`${TABLE} `)) throw new Error(`not about our table: ${line}`);
    const [, name = '', words = ''] = /^(\S+) ?(.*)$/.exec(rest.slice(TABLE.length + 1)) ?? [];
    const command = `${verb} ${kind}`;
    if (command === 'add set') this.#add(this.#sets, name, new Map());
    else if (command === 'add chain') this.#add(this.#chains, name, []);
    else if (command === 'add counter') this.#counters.add(name);
    else if (command === 'add rule') this.#rule(name, words);
    else if (command === 'flush chain') this.#chain(name).length = 0;
    else if (kind === 'element') this.#elements(verb, name, words);
    else if (verb === 'delete') this.#delete(kind, name);
    else throw new Error(`unknown command: ${line}`);
  }

  #table(verb: string, name: string): void {
    if (name !== `${PROTECTION_TABLE.family} ${PROTECTION_TABLE.name}`)
      throw new Error(`table ${name} is not ours`);
    if (verb !== 'delete') return;
    this.#sets.clear();
    this.#chains.clear();
    this.#counters.clear();
  }

  #declare(skeleton: string): void {
    for (const [, kind, name = ''] of skeleton.matchAll(/^ {2}(map|set|chain|counter) (\S+) \{/gm)) {
      if (kind === 'chain') this.#add(this.#chains, name, []);
      else if (kind === 'counter') this.#counters.add(name);
      else this.#add(this.#sets, name, new Map());
    }
  }

  #add<T>(things: Map<string, T>, name: string, thing: T): void {
    if (things.has(name)) throw new Error(`${name} is there already`);
    things.set(name, thing);
  }

  #rule(chain: string, rule: string): void {
    for (const [, set = ''] of rule.matchAll(/@(\S+)/g)) this.#set(set);
    const [, counter] = /counter name (\S+)/.exec(rule) ?? [];
    if (counter !== undefined && !this.#counters.has(counter)) throw new Error(`no counter ${counter}`);
    for (const [, target = ''] of rule.matchAll(/\b(?:goto|jump) (\S+)/g)) this.#chain(target);
    this.#chain(chain).push(rule);
  }

  #elements(verb: string, name: string, words: string): void {
    const set = this.#set(name);
    for (const element of words.replace(/^\{ | \}$/g, '').split(', ')) {
      const [key = '', verdict = ''] = element.split(' : ');
      if (verb === 'delete') {
        if (!set.delete(key)) throw new Error(`${name} has no element ${key}`);
        continue;
      }
      if (verdict !== '') this.#chain(verdict.replace('goto ', ''));
      if (set.has(key)) throw new Error(`${name} has ${key} already`);
      set.set(key, verdict);
    }
  }

  #delete(kind: string, name: string): void {
    const rules = [...this.#chains.values()].flat();
    const isUsed =
      kind === 'chain'
        ? this.#chain(name).length > 0 || this.targets.has(name) || rules.some((rule) => leadsTo(rule, name))
        : rules.some((rule) => rule.split(' ').some((word) => word === name || word === `@${name}`));
    if (isUsed) throw new Error(`${kind} ${name} is in use`);
    const things = { set: this.#sets, chain: this.#chains, counter: this.#counters }[kind];
    if (things?.delete(name) !== true) throw new Error(`there is no ${kind} ${name}`);
  }

  #set(name: string): Map<string, string> {
    const set = this.#sets.get(name);
    if (set === undefined) throw new Error(`there is no set ${name}`);
    return set;
  }

  #chain(name: string): string[] {
    const chain = this.#chains.get(name);
    if (chain === undefined) throw new Error(`there is no chain ${name}`);
    return chain;
  }
}

function leadsTo(rule: string, chain: string): boolean {
  return rule.endsWith(` goto ${chain}`) || rule.endsWith(` jump ${chain}`);
}
