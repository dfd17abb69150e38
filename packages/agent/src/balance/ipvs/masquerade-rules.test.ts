// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import type { Frontend } from '../model/frontend.ts';
import { backendOf, frontendOf, modelOf } from '../testing/frontends.ts';
import { additions, haveOtherRules, masqueradeRules, readChain, removals } from './masquerade-rules.ts';

const web = frontendOf('192.0.2.10', [backendOf('10.0.0.1')]);
const dns = frontendOf('192.0.2.10', [], {
  id: 'udp/53/192.0.2.10',
  protocol: 'udp',
  port: 53,
  masquerade: false,
});
const six = frontendOf('2001:db8::10', []);

describe('rules for masquerading', () => {
  const rules = masqueradeRules([web, dns, six], 4);

  it('are one for each front end of the family; those that keep the address of clients are marked as ours as well', () => {
    expect([...rules]).toEqual([
      [
        'tcp/80/192.0.2.10',
        'FAIRLEAD-IPVS -m ipvs --vproto 6 --vaddr 192.0.2.10 --vport 80 --vmethod MASQ -j MASQUERADE',
      ],
      [
        'udp/53/192.0.2.10',
        'FAIRLEAD-IPVS -m ipvs --vproto 17 --vaddr 192.0.2.10 --vport 53 --vmethod MASQ -j RETURN',
      ],
    ]);
    expect([...masqueradeRules([web, six], 6).keys()]).toEqual(['tcp/80/2001:db8::10']);
  });

  it('change one by one', () => {
    const other = masqueradeRules([{ ...web, masquerade: false }, dns], 4);
    expect(additions(rules, other)).toBe(
      '*nat\n-A FAIRLEAD-IPVS -m ipvs --vproto 6 --vaddr 192.0.2.10 --vport 80 --vmethod MASQ -j RETURN\nCOMMIT\n',
    );
    expect(removals(rules, other)).toBe(
      '*nat\n-D FAIRLEAD-IPVS -m ipvs --vproto 6 --vaddr 192.0.2.10 --vport 80 --vmethod MASQ -j MASQUERADE\nCOMMIT\n',
    );
    expect([additions(rules, rules), removals(rules, rules)]).toEqual([undefined, undefined]);
  });

  it('are only looked at when they may differ', () => {
    const { frontends: before } = modelOf(web, dns);
    const differ = (...after: readonly Frontend[]) => haveOtherRules(before, modelOf(...after).frontends);
    expect([
      differ(web, dns),
      differ({ ...web, backends: [] }, dns),
      differ(web),
      differ(web, six),
      differ({ ...web, masquerade: false }, dns),
      differ({ ...web, forwarding: 'bypass' }, dns),
    ]).toEqual([false, false, true, true, true, true]);
  });

  it('are read as iptables prints them', () => {
    expect(
      readChain(`-N FAIRLEAD-IPVS
-A FAIRLEAD-IPVS -m ipvs --vproto 6 --vaddr 192.0.2.10/32 --vport 80 --vmethod MASQ -j MASQUERADE
-A FAIRLEAD-IPVS -m ipvs --vproto 17 --vaddr 192.0.2.10 --vport 53 --vmethod MASQ -j RETURN
`),
    ).toEqual(rules);
    expect(readChain('-N FAIRLEAD-IPVS\n')).toEqual(new Map());
    expect(readChain('')).toBeUndefined();
  });
});
