// SPDX-License-Identifier: Apache-2.0
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Balancer } from '../balancer.ts';
import { NOTHING_TO_BALANCE } from '../model/frontend.ts';
import { modelOf } from '../testing/frontends.ts';
import { BalanceLab, count, times } from './testing/balance-lab.ts';
import { clientAddresses, POD_PORT, podAddress, served, VIP, VIP6 } from './testing/cases.ts';

/*
 * kube-proxy serves the same addresses, with the chains, priorities and rules that matter here, as it writes them for a Service
 * of type LoadBalancer. It sends to pod 4 what ours sends to pods 2 and 3. In IPVS mode it takes packets in the input hook, which
 * those that have got another destination do not come to, and its iptables rules only mark what is to be masqueraded.
 */
const THEIRS = 4;
const MARK = '0x4000/0x4000';

/** Mode of kube-proxy -> programs that put its rules there and take them away. */
const MODES: Readonly<Record<string, { readonly begin: readonly Run[]; readonly end: readonly Run[] }>> = {
  nftables: {
    begin: [{ argv: ['nft', '-f', '-'], input: nftRules('ip') + nftRules('ip6') }],
    end: [{ argv: ['nft', '-f', '-'], input: 'delete table ip kube-proxy\ndelete table ip6 kube-proxy\n' }],
  },
  'iptables (legacy)': iptablesRules('iptables-legacy', 'ip6tables-legacy'),
  'iptables (nft)': iptablesRules('iptables-nft', 'ip6tables-nft'),
};

interface Run {
  readonly argv: readonly string[];
  readonly input?: string;
}

function nftRules(family: 'ip' | 'ip6'): string {
  const [vip, type] = family === 'ip' ? [VIP, 'ipv4_addr'] : [VIP6, 'ipv6_addr'];
  return `table ${family} kube-proxy {
  map service-ips { type ${type} . inet_proto . inet_service : verdict; elements = { ${vip} . tcp . 80 : goto external } }
  chain external {
    meta mark set mark or 0x4000
    meta l4proto tcp dnat ${family} to ${podTarget(family)}
  }
  chain services {
    ${family} daddr . meta l4proto . th dport vmap @service-ips
  }
  chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }
  chain nat-output { type nat hook output priority -100; jump services; }
  chain nat-postrouting { type nat hook postrouting priority srcnat; meta mark & 0x4000 == 0x4000 masquerade fully-random; }
}
`;
}

function podTarget(family: 'ip' | 'ip6'): string {
  return family === 'ip' ? `${podAddress(THEIRS)}:${POD_PORT}` : `[${podAddress(THEIRS, 6)}]:${POD_PORT}`;
}

function iptablesRules(
  ipv4: string,
  ipv6: string,
): { readonly begin: readonly Run[]; readonly end: readonly Run[] } {
  const rules = (vip: string, family: 'ip' | 'ip6') => `*nat
:KUBE-SERVICES - [0:0]
:KUBE-EXT - [0:0]
:KUBE-POSTROUTING - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A OUTPUT -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A KUBE-SERVICES -d ${vip} -p tcp --dport 80 -j KUBE-EXT
-A KUBE-EXT -j MARK --or-mark 0x4000
-A KUBE-EXT -p tcp -j DNAT --to-destination ${podTarget(family)}
-A KUBE-POSTROUTING -m mark ! --mark ${MARK} -j RETURN
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
COMMIT
`;
  const none = '*nat\n:PREROUTING ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\nCOMMIT\n';
  return {
    begin: [
      { argv: [`${ipv4}-restore`], input: rules(VIP, 'ip') },
      { argv: [`${ipv6}-restore`], input: rules(VIP6, 'ip6') },
    ],
    end: [
      { argv: [`${ipv4}-restore`], input: none },
      { argv: [`${ipv6}-restore`], input: none },
    ],
  };
}

describe.each(Object.entries(MODES))('beside kube-proxy in mode %s', (_mode, { begin, end }) => {
  let lab: BalanceLab;
  const run = async (programs: readonly Run[]) => {
    for (const { argv, input } of programs) await lab.onNode(argv, input);
  };

  beforeAll(async () => {
    lab = await BalanceLab.start();
  });
  afterEach(() => run(end));
  afterAll(() => lab.close());

  it.each(['before', 'after'])(
    'connections go where ours says, whichever came first (kube-proxy: %s)',
    async (which) => {
      if (which === 'before') await run(begin);
      const balancer: Balancer = await lab.balancer();
      if (which === 'after') await run(begin);
      expect(count(await lab.ask([...times(2, VIP), ...times(2, VIP6)]))).toEqual({ pod4: 4 });
      await balancer.apply(modelOf(served(VIP, [2, 3]), served(VIP6, [2, 3], { masquerade: false })));
      expect(count(await lab.ask([...times(6, VIP), ...times(6, VIP6)]))).toEqual({ pod2: 6, pod3: 6 });
      const [client = ''] = clientAddresses(6);
      const [own, other] = await lab.ask([
        [VIP, 80],
        [VIP6, 80, client],
      ]);
      expect([own?.from, other?.from]).toEqual([podAddress(1), client]);
      expect(count(await lab.askFrom('node', [...times(2, VIP), ...times(2, VIP6)]))).toEqual({
        pod2: 2,
        pod3: 2,
      });
      await balancer.apply(NOTHING_TO_BALANCE);
      expect(count(await lab.ask([...times(2, VIP), ...times(2, VIP6)]))).toEqual({ pod4: 4 });
    },
  );
});
