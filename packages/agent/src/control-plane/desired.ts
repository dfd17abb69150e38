// SPDX-License-Identifier: Apache-2.0
import type { Desired } from '../manager/desired.ts';
import { chooseInterface, type InterfaceRule } from '../manager/interfaces.ts';
import type { ServiceProblem } from '../services/problem.ts';
import { AGENT_REASON } from '../services/problem.ts';
import { CONTROL_PLANE_KEY, type ControlPlaneClaim, withControlPlane } from './claim.ts';

/**
 * What is wanted for the Services, and the addresses of the control plane on top. They are answered for on `vip_interface`, as
 * with kube-vip, also when a Service shares them. Pure.
 */
export function withClaim(
  desired: Desired,
  claim: ControlPlaneClaim | undefined,
  links: InterfaceRule,
): Desired {
  if (claim === undefined || claim.addresses.length === 0) return desired;
  const rule = { ...links, servicesInterface: undefined };
  const interfaces = new Map(desired.interfaces);
  const unservable = new Set(desired.unservable);
  const found: ServiceProblem[] = claim.problem === undefined ? [] : [claim.problem];
  for (const address of claim.addresses) {
    const choice = chooseInterface(address, { interface: undefined }, rule);
    if (choice.ok) interfaces.set(address, choice.name);
    else found.push({ reason: AGENT_REASON.interfaceMissing, message: choice.problem });
    const isUp = choice.ok && links.links.some(({ name, isUp }) => name === choice.name && isUp);
    if (claim.isServable && isUp) unservable.delete(address);
    else unservable.add(address);
  }
  const groups = withControlPlane(desired.groups, claim);
  const problems =
    found.length === 0 ? desired.problems : new Map([...desired.problems, [CONTROL_PLANE_KEY, found]]);
  return { ...desired, groups, interfaces, unservable, problems };
}
