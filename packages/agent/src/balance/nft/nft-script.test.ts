// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Frontend } from '../model/frontend.ts';
import { backendOf, frontendOf } from '../testing/frontends.ts';
import { renderAll, renderChanges } from './nft-script.ts';

function frontend(address: string, pods: readonly number[], parts: Partial<Frontend> = {}): Frontend {
  const pod = address.includes(':') ? 'fd00:1::' : '10.244.1.';
  return frontendOf(
    address,
    pods.map((index) => backendOf(`${pod}${index}`)),
    parts,
  );
}

const byId = (frontends: readonly Frontend[]) => new Map(frontends.map((each) => [each.id, each]));

describe('renderAll', () => {
  it('replaces both tables in one transaction', () => {
    const script = renderAll([
      frontend('172.18.0.200', [2, 3]),
      frontend('fd00::c8', [2], { masquerade: false }),
    ]);
    expect(script).toMatchInlineSnapshot(`
      "add table ip fairlead
      delete table ip fairlead
      add table ip6 fairlead
      delete table ip6 fairlead
      table ip fairlead {
        map frontends { type ipv4_addr . inet_proto . inet_service : verdict; }
        set masqueraded { type ipv4_addr . inet_proto . inet_service; }
        set refused { type ipv4_addr . inet_proto . inet_service; }
        chain prerouting {
          type nat hook prerouting priority -110; policy accept;
          ip daddr . meta l4proto . th dport vmap @frontends
        }
        chain output {
          type nat hook output priority -110; policy accept;
          ip daddr . meta l4proto . th dport vmap @frontends
        }
        chain postrouting {
          type nat hook postrouting priority 90; policy accept;
          ct status dnat jump source-nat
        }
        chain source-nat {
          meta l4proto tcp ct original ip daddr . meta l4proto . ct original proto-dst @masqueraded masquerade fully-random
          meta l4proto udp ct original ip daddr . meta l4proto . ct original proto-dst @masqueraded masquerade fully-random
          meta l4proto sctp ct original ip daddr . meta l4proto . ct original proto-dst @masqueraded masquerade fully-random
        }
        chain input {
          type filter hook input priority -110; policy accept;
          ip daddr . meta l4proto . th dport @refused jump refusal
        }
        chain refusal {
          meta l4proto tcp reject with tcp reset
          reject
        }
      }
      table ip6 fairlead {
        map frontends { type ipv6_addr . inet_proto . inet_service : verdict; }
        set masqueraded { type ipv6_addr . inet_proto . inet_service; }
        set refused { type ipv6_addr . inet_proto . inet_service; }
        chain prerouting {
          type nat hook prerouting priority -110; policy accept;
          ip6 daddr . meta l4proto . th dport vmap @frontends
        }
        chain output {
          type nat hook output priority -110; policy accept;
          ip6 daddr . meta l4proto . th dport vmap @frontends
        }
        chain postrouting {
          type nat hook postrouting priority 90; policy accept;
          ct status dnat jump source-nat
        }
        chain source-nat {
          meta l4proto tcp ct original ip6 daddr . meta l4proto . ct original proto-dst @masqueraded masquerade fully-random
          meta l4proto udp ct original ip6 daddr . meta l4proto . ct original proto-dst @masqueraded masquerade fully-random
          meta l4proto sctp ct original ip6 daddr . meta l4proto . ct original proto-dst @masqueraded masquerade fully-random
        }
        chain input {
          type filter hook input priority -110; policy accept;
          ip6 daddr . meta l4proto . th dport @refused jump refusal
        }
        chain refusal {
          meta l4proto tcp reject with tcp reset
          reject
        }
      }
      add chain ip fairlead tcp-80-172.18.0.200
      add rule ip fairlead tcp-80-172.18.0.200 meta l4proto tcp dnat ip to numgen inc mod 2 map { 0 : 10.244.1.2 . 8080, 1 : 10.244.1.3 . 8080 }
      add chain ip6 fairlead tcp-80-fd00..c8
      add rule ip6 fairlead tcp-80-fd00..c8 meta l4proto tcp dnat ip6 to numgen inc mod 1 map { 0 : fd00:1::2 . 8080 }
      add element ip fairlead frontends { 172.18.0.200 . tcp . 80 : goto tcp-80-172.18.0.200 }
      add element ip fairlead masqueraded { 172.18.0.200 . tcp . 80 }
      add element ip6 fairlead frontends { fd00::c8 . tcp . 80 : goto tcp-80-fd00..c8 }
      "
    `);
  });
});

describe('renderChanges', () => {
  const before = [frontend('172.18.0.200', [2, 3]), frontend('172.18.0.201', [2])];

  it('is empty without a difference', () => {
    expect(renderChanges(byId(before), before)).toBe('');
  });

  it('writes only the chain of the frontend whose backends changed', () => {
    const after = [frontend('172.18.0.200', [3]), frontend('172.18.0.201', [2])];
    expect(renderChanges(byId(before), after)).toMatchInlineSnapshot(`
      "flush chain ip fairlead tcp-80-172.18.0.200
      add rule ip fairlead tcp-80-172.18.0.200 meta l4proto tcp dnat ip to numgen inc mod 1 map { 0 : 10.244.1.3 . 8080 }
      "
    `);
  });

  it('refuses connections while there is no backend', () => {
    const after = [frontend('172.18.0.200', []), frontend('172.18.0.201', [2])];
    expect(renderChanges(byId(before), after)).toMatchInlineSnapshot(`
      "flush chain ip fairlead tcp-80-172.18.0.200
      delete element ip fairlead frontends { 172.18.0.200 . tcp . 80 : goto tcp-80-172.18.0.200 }
      delete element ip fairlead masqueraded { 172.18.0.200 . tcp . 80 }
      add element ip fairlead refused { 172.18.0.200 . tcp . 80 }
      "
    `);
  });

  it('removes elements before the chains they lead to', () => {
    expect(renderChanges(byId(before), [])).toMatchInlineSnapshot(`
      "delete element ip fairlead frontends { 172.18.0.200 . tcp . 80 : goto tcp-80-172.18.0.200, 172.18.0.201 . tcp . 80 : goto tcp-80-172.18.0.201 }
      delete element ip fairlead masqueraded { 172.18.0.200 . tcp . 80, 172.18.0.201 . tcp . 80 }
      flush chain ip fairlead tcp-80-172.18.0.200
      delete chain ip fairlead tcp-80-172.18.0.200
      flush chain ip fairlead tcp-80-172.18.0.201
      delete chain ip fairlead tcp-80-172.18.0.201
      "
    `);
  });

  const anyFrontend = fc
    .record({
      address: fc.constantFrom('172.18.0.200', '172.18.0.201', 'fd00::c8'),
      protocol: fc.constantFrom('tcp', 'udp'),
      pods: fc.uniqueArray(fc.integer({ min: 2, max: 5 }), { maxLength: 4 }),
      masquerade: fc.boolean(),
    })
    .map(({ address, pods, ...parts }) => frontend(address, pods, parts));
  const anyState = fc.uniqueArray(anyFrontend, { selector: ({ id }) => id, maxLength: 5 });

  it('leads from any state to any other, as if built anew', () => {
    fc.assert(
      fc.property(fc.array(anyState, { minLength: 1, maxLength: 5 }), (states) => {
        const kernel = new Ruleset();
        kernel.run(renderAll([]));
        let applied: readonly Frontend[] = [];
        for (const state of states) {
          kernel.run(renderChanges(byId(applied), state));
          applied = state;
          const fresh = new Ruleset();
          fresh.run(renderAll(state));
          expect(kernel.dump()).toEqual(fresh.dump());
          for (const each of state) expect(kernel.fate(each)).toEqual(expectedFate(each));
        }
      }),
    );
  });
});

function expectedFate({ backends, masquerade }: Frontend): unknown {
  if (backends.length === 0) return 'refused';
  return { targets: backends.map(({ address, port }) => `${address} . ${port}`), masquerade };
}

/** As much of nftables as the scripts use, with its rule that nothing may refer to what is not there. */
class Ruleset {
  readonly #chains = new Map<string, string[]>();
  readonly #elements = new Map<string, string>();

  run(script: string): void {
    for (const line of script.split('\n')) this.#line(line);
  }

  dump(): unknown {
    return { chains: [...this.#chains].sort(), elements: [...this.#elements].sort() };
  }

  /** What becomes of the first packet to a frontend. */
  fate({ family, address, protocol, port }: Frontend): unknown {
    const table = family === 4 ? 'ip fairlead' : 'ip6 fairlead';
    const key = `${address} . ${protocol} . ${port}`;
    if (this.#elements.has(`${table} refused ${key}`)) return 'refused';
    const chain = this.#elements.get(`${table} frontends ${key}`);
    const rule = this.#chains.get(`${table} ${chain}`)?.[0] ?? '';
    const targets = /map \{ (.*) \}$/
      .exec(rule)?.[1]
      ?.split(', ')
      .map((target) => target.replace(/^\d+ : /, ''));
    return { targets, masquerade: this.#elements.has(`${table} masqueraded ${key}`) };
  }

  #line(line: string): void {
    const [verb, what, family, table, name = '', ...rest] = line.split(' ');
    const where = `${family} ${table}`;
    const chain = `${where} ${name}`;
    if (what === 'element') this.#element(verb === 'add', chain, where, rest.join(' '));
    else if (what === 'chain' && verb === 'add') this.#chains.set(chain, []);
    else if (what === 'chain') this.#existingChain(verb === 'delete', chain, where, name);
    else if (what === 'rule') this.#rules(chain).push(rest.join(' '));
  }

  #existingChain(isDeleted: boolean, chain: string, where: string, name: string): void {
    this.#rules(chain).length = 0;
    if (!isDeleted) return;
    const isUsed = [...this.#elements].some(([key, value]) => key.startsWith(where) && value === name);
    if (isUsed) throw new Error(`${chain} is still in use`);
    this.#chains.delete(chain);
  }

  #element(isAdded: boolean, set: string, where: string, members: string): void {
    for (const member of members.replace(/^\{ | \}$/g, '').split(', ')) {
      const [key = '', target = ''] = member.split(' : goto ');
      const id = `${set} ${key}`;
      if (this.#elements.has(id) === isAdded)
        throw new Error(`${id}: ${isAdded ? 'is there' : 'is not there'}`);
      if (target !== '') this.#rules(`${where} ${target}`);
      if (isAdded) this.#elements.set(id, target);
      else this.#elements.delete(id);
    }
  }

  #rules(chain: string): string[] {
    const rules = this.#chains.get(chain);
    if (rules === undefined) throw new Error(`${chain} is not there`);
    return rules;
  }
}
