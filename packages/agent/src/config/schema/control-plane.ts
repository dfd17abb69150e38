// SPDX-License-Identifier: Apache-2.0
import { LEASE_NAME } from '@fairlead/shared/kubernetes/contract.ts';
import { boolType, integerType, textType, wordType } from '@fairlead/shared/runtime/value-types.ts';
import { parseLeaseName } from '../lease-name.ts';
import { parseEntries, parseHttpUrl, parsePath } from '../parsers.ts';
import type { SettingSpec } from './setting.ts';

const entriesType = textType({
  parse: parseEntries,
  fallback: [],
  allowed: 'IP addresses and DNS names, comma-separated',
  defaultText: '',
});

/** The address of the control plane, and what stands behind it. */
export const CONTROL_PLANE_SETTINGS = {
  controlPlaneAddress: {
    env: 'address',
    flag: 'address',
    file: 'address',
    value: entriesType,
    help: 'address of the control plane',
  },
  vipAddress: {
    env: 'vip_address',
    flag: 'vip',
    file: 'vip',
    value: entriesType,
    help: 'older name of address, which counts where both are said',
  },
  port: {
    env: 'port',
    flag: 'port',
    file: 'port',
    value: integerType(6443, { min: 1, max: 65_535 }),
    help: 'port of the API servers',
  },
  controlPlaneLeaseName: {
    env: 'vip_leasename',
    flag: 'leaseName',
    file: 'leaseName',
    value: textType({
      parse: (text) => parseLeaseName(text, ''),
      fallback: { namespace: '', name: LEASE_NAME.controlPlane },
      allowed: 'name or namespace/name',
      defaultText: LEASE_NAME.controlPlane,
    }),
    help: 'Lease for the address of the control plane',
  },
  detectControlPlane: {
    env: 'cp_detect',
    flag: 'autodetectcp',
    file: 'detectControlPlane',
    value: boolType(false),
    help: 'find the API server of this node by the names in its certificate',
  },
  balanceControlPlane: {
    env: 'lb_enable',
    flag: 'enableLoadBalancer',
    file: 'enableLoadBalancer',
    value: boolType(false),
    help: 'spread connections to the address of the control plane over all API servers',
  },
  balancedPort: {
    env: 'lb_port',
    flag: 'lbPort',
    file: 'lbPort',
    value: integerType(6443, { min: 1, max: 65_535 }),
    help: 'with lb_enable: port at the address of the control plane',
  },
  forwardingMethod: {
    env: 'lb_fwdmethod',
    flag: 'lbForwardingMethod',
    file: 'lbForwardingMethod',
    value: wordType(['local', 'masquerade', 'directroute', 'tunnel', 'bypass'], 'masquerade'),
    help: 'with lb_enable: how connections reach the API servers; local: only the one of the node',
  },
  backendHealthInterval: {
    env: 'backend_health_check_interval',
    file: 'backendHealthCheckInterval',
    value: integerType(0, { min: 0, max: 3_600, unit: 's', defaultText: '1' }),
    help: 'between two looks at the API servers of other nodes; 0 = 1',
  },
  controlPlaneHealthAddress: {
    env: 'control_plane_health_check_address',
    flag: 'controlPlaneHealthCheckAddress',
    file: 'controlPlaneHealthCheck.address',
    value: textType({
      parse: parseHttpUrl,
      fallback: undefined,
      allowed: 'http or https URL',
      defaultText: '/readyz of the API server of the node',
    }),
    help: 'URL to ask whether this node may have the address of the control plane',
    secret: true,
  },
  controlPlaneHealthPeriod: {
    env: 'control_plane_health_check_period_seconds',
    flag: 'controlPlaneHealthCheckPeriodSeconds',
    file: 'controlPlaneHealthCheck.periodSeconds',
    value: integerType(5, { min: 1, max: 3_600, unit: 's' }),
    help: 'between two questions to that URL',
  },
  controlPlaneHealthTimeout: {
    env: 'control_plane_health_check_timeout_seconds',
    flag: 'controlPlaneHealthCheckTimeoutSeconds',
    file: 'controlPlaneHealthCheck.timeoutSeconds',
    value: integerType(3, { min: 1, max: 3_600, unit: 's' }),
    help: 'after which a question to that URL has failed',
  },
  controlPlaneHealthThreshold: {
    env: 'control_plane_health_check_failure_threshold',
    flag: 'controlPlaneHealthCheckFailureThreshold',
    file: 'controlPlaneHealthCheck.failureThreshold',
    value: integerType(3, { min: 1, max: 100 }),
    help: 'questions to that URL that have to fail in a row',
  },
  controlPlaneHealthCa: {
    env: 'control_plane_health_check_ca_path',
    flag: 'controlPlaneHealthCheckCAPath',
    file: 'controlPlaneHealthCheck.caPath',
    value: textType({
      parse: parsePath,
      fallback: undefined,
      allowed: 'path of a file',
      defaultText: 'any certificate will do',
    }),
    help: 'file with the certificates of who may sign for that URL',
  },
} as const satisfies Record<string, SettingSpec>;
