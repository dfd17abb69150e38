// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TRANSACTION_BOUNDARY } from '../../system/nft.ts';
import { type BalanceModel, type Frontend, NOTHING_TO_BALANCE } from '../model/frontend.ts';
import { backendOf, frontendOf, modelOf } from '../testing/frontends.ts';
import { withDirectReturn } from './direct-return.ts';
import { dsrLayer } from './dsr-layer.ts';
import { surroundingsFor } from './testing/surroundings.ts';

const VIP = '172.18.0.200';

function seen(...frontends: readonly Frontend[]): BalanceModel {
  return withDirectReturn(modelOf(...frontends), surroundingsFor('node1'));
}

function dsr(nodes: readonly number[], parts: Partial<Frontend> = {}, address = VIP): Frontend {
  const pod = address.includes(':') ? 'fd00:244::' : '10.244.0.';
  const backends = nodes.map((number) => backendOf(`${pod}${number}`, 8080, { node: `node${number}` }));
  return frontendOf(address, backends, { forwarding: 'dsr', ...parts });
}

/** Slot maps are long; what matters of them is where they lead. */
function shortened(script: string): string {
  return script.replace(/!= \{ [\d, ]+ \}/g, '!= { … }').replace(/map \{ ([^}]*) \}/g, (_, slots: string) => {
    const targets = [...new Set(slots.split(', ').map((slot) => slot.replace(/^\d+ : /, '')))].sort();
    return `map { … ${targets.join(' ')} }`;
  });
}

describe('dsrLayer', () => {
  it('builds all it needs for one front end', () => {
    expect(shortened(dsrLayer.renderAll(seen(dsr([1, 2, 3]))))).toMatchInlineSnapshot(`
      "add table netdev fairlead-dsr
      delete table netdev fairlead-dsr
      add table netdev fairlead-dsr
      add table ip fairlead-dsr
      delete table ip fairlead-dsr
      add table ip fairlead-dsr
      add table ip6 fairlead-dsr
      delete table ip6 fairlead-dsr
      add table ip6 fairlead-dsr
      table netdev fairlead-dsr {
        map forwarded4 { type ipv4_addr . inet_proto . inet_service : verdict; }
        map forwarded6 { type ipv6_addr . inet_proto . inet_service : verdict; }
        chain ingress {
          type filter hook ingress devices = { "eth0" } priority -200; policy accept;
          ip daddr . meta l4proto . th dport vmap @forwarded4
          ip6 daddr . meta l4proto . th dport vmap @forwarded6
        }
      }
      table ip fairlead-dsr {
        map rescued { type ipv4_addr . inet_proto . inet_service : verdict; }
        set kept { type ipv4_addr . inet_proto . inet_service; }
        chain prerouting {
          type filter hook prerouting priority -120; policy accept;
          ct state new iifname { "eth0" } ip daddr . meta l4proto . th dport vmap @rescued
        }
        chain postrouting {
          type nat hook postrouting priority 89; policy accept;
          ct status dnat iifname != { "eth0" } jump inside
        }
        chain inside {
          meta l4proto tcp ct original ip daddr . meta l4proto . ct original proto-dst @kept masquerade to :1024-60999
          meta l4proto udp ct original ip daddr . meta l4proto . ct original proto-dst @kept masquerade to :1024-60999
          meta l4proto sctp ct original ip daddr . meta l4proto . ct original proto-dst @kept masquerade to :1024-60999
        }
      }
      table ip6 fairlead-dsr {
        map rescued { type ipv6_addr . inet_proto . inet_service : verdict; }
        set kept { type ipv6_addr . inet_proto . inet_service; }
        chain prerouting {
          type filter hook prerouting priority -120; policy accept;
          ct state new iifname { "eth0" } ip6 daddr . meta l4proto . th dport vmap @rescued
        }
        chain postrouting {
          type nat hook postrouting priority 89; policy accept;
          ct status dnat iifname != { "eth0" } jump inside
        }
        chain inside {
          meta l4proto tcp ct original ip6 daddr . meta l4proto . ct original proto-dst @kept masquerade to :1024-60999
          meta l4proto udp ct original ip6 daddr . meta l4proto . ct original proto-dst @kept masquerade to :1024-60999
          meta l4proto sctp ct original ip6 daddr . meta l4proto . ct original proto-dst @kept masquerade to :1024-60999
        }
      }
      # the rest may come in another transaction
      add chain netdev fairlead-dsr hops-0d5ad300d397dca5
      add rule netdev fairlead-dsr hops-0d5ad300d397dca5 ip dscp & 0x3b == 0x3b return
      add rule netdev fairlead-dsr hops-0d5ad300d397dca5 fib daddr type != local return
      add rule netdev fairlead-dsr hops-0d5ad300d397dca5 fwd ip to jhash ip saddr . th sport mod 2048 seed 0x66616972 map { … 172.18.0.2 172.18.0.3 } device "eth0"
      # the rest may come in another transaction
      add chain ip fairlead-dsr hops-0d5ad300d397dca5
      add rule ip fairlead-dsr hops-0d5ad300d397dca5 ip dscp 0x3f return
      add rule ip fairlead-dsr hops-0d5ad300d397dca5 ip dscp != 0x3b jhash ip saddr . th sport mod 2048 seed 0x66616972 != { … } ip dscp set 0x3b dup to jhash ip saddr . th sport mod 2048 seed 0x66616972 map { … 172.18.0.2 172.18.0.3 } device "eth0" drop
      add rule ip fairlead-dsr hops-0d5ad300d397dca5 tcp flags & (syn | rst) == 0 ip dscp set 0x3f dup to jhash ip saddr . th sport mod 2048 seed 0x66616972 map { … 172.18.0.2 172.18.0.3 } device "eth0" drop
      # the rest may come in another transaction
      add element ip fairlead-dsr kept { 172.18.0.200 . tcp . 80 }
      add element netdev fairlead-dsr forwarded4 { 172.18.0.200 . tcp . 80 : goto hops-0d5ad300d397dca5 }
      add element ip fairlead-dsr rescued { 172.18.0.200 . tcp . 80 : goto hops-0d5ad300d397dca5 }
      "
    `);
  });

  it('has empty tables, which cost no packet anything, without front ends that ask for it', () => {
    const script = dsrLayer.renderAll(modelOf(frontendOf(VIP, [backendOf('10.0.0.1')])));
    expect(script).not.toContain('hook');
    expect(script).toContain('add table netdev fairlead-dsr');
  });

  it('writes nothing for what does not change, and only what belongs to a front end that does', () => {
    const other = dsr([1, 2], { port: 81 });
    expect(dsrLayer.renderChanges(seen(dsr([1, 2]), other), seen(dsr([1, 2]), other))).toBe('');
    const script = shortened(dsrLayer.renderChanges(seen(dsr([1, 2]), other), seen(dsr([2, 3]), other)));
    expect(script).not.toContain('tcp . 81');
    expect(script).not.toContain('table');
    expect(script).toContain('172.18.0.3');
  });

  it('shares one table of slots among front ends with the same hops', () => {
    const script = dsrLayer.renderAll(seen(dsr([1, 2]), dsr([1, 2], { port: 81 })));
    expect(script.match(/ fwd /g)).toHaveLength(1);
  });

  it('takes several transactions for what is too much for one, and never leads to what is not there yet', () => {
    const addresses = [VIP, 'fd00:18::c8'];
    const hopSets = [[1, 2], [1, 3], [2, 3], [1, 2, 3], [2]];
    const many = Array.from({ length: 400 }, (_, index) => 1_000 + index);
    const frontends = [
      ...addresses.flatMap((address) => hopSets.map((nodes, port) => dsr(nodes, { port }, address))),
      ...many.flatMap((port) => addresses.map((address) => dsr([1, 2], { port }, address))),
    ];
    for (const script of [
      dsrLayer.renderAll(seen(...frontends)),
      dsrLayer.renderChanges(seen(), seen(...frontends)),
      dsrLayer.renderChanges(seen(...frontends), seen()),
    ]) {
      const parts = script.split(TRANSACTION_BOUNDARY);
      for (const part of parts) expect(part.length).toBeLessThan(60_000);
    }
    const kernel = new Tables();
    kernel.run(dsrLayer.renderAll(seen(...frontends)));
    const small = dsrLayer.renderChanges(seen(...frontends), seen(...frontends.slice(1)));
    expect(small).not.toContain(TRANSACTION_BOUNDARY);
  });

  it('spares fragments where there may be some, and hashes clients alone where they are to stay', () => {
    const udp = dsrLayer.renderAll(seen(dsr([1, 2], { protocol: 'udp' })));
    expect(udp).toContain('ip frag-off & 0x3fff != 0 return');
    const loyal = dsrLayer.renderAll(seen(dsr([1, 2], { affinitySeconds: 60 })));
    expect(loyal).toContain('jhash ip saddr mod');
    const six = dsrLayer.renderAll(seen(dsr([1, 2], { protocol: 'udp' }, 'fd00:18::c8')));
    expect(six).toContain('exthdr frag exists return');
    expect(six).toContain('fwd ip6 to jhash ip6 saddr . th sport');
  });

  const anyFrontend = fc
    .record({
      address: fc.constantFrom(VIP, '172.18.0.201', 'fd00:18::c8'),
      nodes: fc.uniqueArray(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }),
      forwarding: fc.constantFrom('nat' as const, 'dsr' as const),
    })
    .map(({ address, nodes, forwarding }) => dsr(nodes, { forwarding }, address));
  const anyModel = fc
    .uniqueArray(anyFrontend, { selector: ({ id }) => id, maxLength: 3 })
    .map((all) => seen(...all));

  it('leads from any model to any other, as if built anew', () => {
    fc.assert(
      fc.property(fc.array(anyModel, { minLength: 1, maxLength: 4 }), (models) => {
        const kernel = new Tables();
        kernel.run(dsrLayer.renderAll(NOTHING_TO_BALANCE));
        let before = NOTHING_TO_BALANCE;
        for (const model of models) {
          kernel.run(dsrLayer.renderChanges(before, model));
          before = model;
          const fresh = new Tables();
          fresh.run(dsrLayer.renderAll(model));
          expect(kernel.dump()).toEqual(fresh.dump());
        }
      }),
      { numRuns: 30 },
    );
  });
});

/** As much of nftables as the scripts use, with its rule that nothing may refer to what is not there. */
class Tables {
  readonly #frames = new Map<string, string>();
  readonly #chains = new Map<string, string[]>();
  readonly #elements = new Map<string, string>();

  run(script: string): void {
    const lines = script.split('\n');
    for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
      if (!line.startsWith('table ')) this.#command(line);
      else this.#frames.set(line, lines.splice(0, lines.indexOf('}') + 1).join('\n'));
    }
  }

  dump(): unknown {
    return [this.#frames, this.#chains, this.#elements].map((map) => [...map].sort());
  }

  #command(line: string): void {
    const [verb, what, family, table, name = '', ...rest] = line.split(' ');
    const key = `${family} ${table} ${name}`;
    if (what === 'table' && verb === 'delete') this.#drop(`${family} ${table}`);
    else if (what === 'chain' && verb === 'add') this.#chains.set(key, []);
    else if (what === 'chain' && verb === 'delete') this.#deleteChain(key, name);
    else if (what === 'rule') this.#rulesOf(key).push(rest.join(' '));
    else if (what === 'element') this.#element(verb === 'add', key, rest.join(' '));
  }

  #drop(table: string): void {
    for (const map of [this.#chains, this.#elements])
      for (const key of map.keys()) if (key.startsWith(`${table} `)) map.delete(key);
    for (const key of this.#frames.keys()) if (key.startsWith(`table ${table} `)) this.#frames.delete(key);
  }

  #deleteChain(key: string, name: string): void {
    this.#rulesOf(key);
    const [table] = key.split(` ${name}`);
    const isUsed = [...this.#elements].some(
      ([element, to]) => element.startsWith(`${table} `) && to.endsWith(name),
    );
    if (isUsed) throw new Error(`${key} is still in use`);
    this.#chains.delete(key);
  }

  #element(isAdded: boolean, set: string, members: string): void {
    if (this.#frames.size === 0) throw new Error(`${set} is not there`);
    for (const member of members.replace(/^\{ | \}$/g, '').split(', ')) {
      const [key = '', target = ''] = member.split(' : goto ');
      const id = `${set} ${key}`;
      if (this.#elements.has(id) === isAdded)
        throw new Error(`${id}: ${isAdded ? 'is there' : 'is not there'}`);
      if (isAdded) this.#elements.set(id, target);
      else this.#elements.delete(id);
    }
  }

  #rulesOf(chain: string): string[] {
    const rules = this.#chains.get(chain);
    if (rules === undefined) throw new Error(`${chain} is not there`);
    return rules;
  }
}
