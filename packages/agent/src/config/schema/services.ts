// SPDX-License-Identifier: Apache-2.0
import { parsed } from '@fairlead/shared/address/parsed.ts';
import { LOAD_BALANCER_CLASS } from '@fairlead/shared/kubernetes/contract.ts';
import { boolType, integerType, textType, wordType } from '@fairlead/shared/runtime/value-types.ts';
import { parseClassName, parseNamespace } from '../parsers.ts';
import type { SettingSpec } from './setting.ts';

/** Which Services are served, and what is written to them. */
export const SERVICE_SETTINGS = {
  servicesNamespace: {
    env: 'svc_namespace',
    file: 'serviceNamespace',
    value: textType({
      parse: parseNamespace,
      fallback: undefined,
      allowed: 'name of a namespace',
      defaultText: 'all',
    }),
    help: 'serve only Services of this namespace',
  },
  className: {
    env: 'lb_class_name',
    flag: 'lbClassName',
    file: 'lbClassName',
    value: textType({
      parse: (text) => (text === '' ? parsed('') : parseClassName(text)),
      fallback: LOAD_BALANCER_CLASS,
      allowed: 'name of a class',
      defaultText: LOAD_BALANCER_CLASS,
    }),
    help: 'loadBalancerClass to serve; may be set to nothing on purpose, see lb_class_legacy_handling',
  },
  classOnly: {
    env: 'lb_class_only',
    flag: 'lbClassOnly',
    file: 'lbClassOnly',
    value: boolType(false),
    help: 'leave Services without a class alone',
  },
  classLegacyHandling: {
    env: 'lb_class_legacy_handling',
    flag: 'lbClassNameLegacyHandling',
    file: 'lbClassNameLegacyHandling',
    value: boolType(true),
    help: 'false: serve exactly the class in lb_class_name, or exactly the Services without one when that is empty',
  },
  disableServiceUpdates: {
    env: 'disable_service_updates',
    flag: 'disableServiceUpdates',
    file: 'disableServiceUpdates',
    value: boolType(false),
    help: 'never write to a Service',
  },
  nodeLabels: {
    env: 'enable_node_labeling',
    flag: 'enableNodeLabeling',
    file: 'enableNodeLabeling',
    value: boolType(false),
    help: 'say on Node objects which node answers for which Service; needs the right to patch nodes',
  },
  closePorts: {
    env: 'enable_service_security',
    flag: 'onlyAllowTrafficServicePorts',
    file: 'EnableServiceSecurity',
    value: boolType(false),
    help: 'drop what comes for an address but not for a port of its Services',
  },
  dnsMode: {
    env: 'dns_mode',
    flag: 'dnsMode',
    file: 'dnsDualStackMode',
    value: wordType(['first', 'ipv4', 'ipv6', 'dual'], 'first'),
    help: 'which addresses of a DNS name count',
  },
  dhcpAttempts: {
    env: 'dhcp_backoff_attempts',
    flag: 'dhcpBackoffAttempts',
    file: 'dhcpBackoffAttempts',
    value: integerType(3, { min: 0, max: 1_000 }),
    help: 'questions without an answer from a DHCP server before the Service is told; asking goes on; 0 = 3',
  },
} as const satisfies Record<string, SettingSpec>;
