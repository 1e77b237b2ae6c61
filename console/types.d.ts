// What the API answers, as far as the console shows it; used by the type check only, and never served.

import type * as msalBrowser from "@azure/msal-browser";

declare global {
  const msal: typeof msalBrowser;
  const SwaggerUIBundle: (options: Record<string, unknown>) => unknown;

  interface Configuration {
    tenantId: string;
    clientId?: string;
    scope: string;
    authority: string;
    apiVersion: string;
  }

  interface Account {
    objectId: string;
    username: string;
    name: string;
  }

  /** Who reads the page; `teams` are known of those only who may read HSMs. */
  interface Caller extends Account {
    roles: string[];
    teams: string[];
  }

  interface FieldError {
    field: string;
    message: string;
    code: string;
  }

  interface ErrorDetail {
    code: string;
    message: string;
    retryable?: boolean;
    advice?: string;
    azureRequestId?: string;
    errors?: FieldError[];
  }

  interface Principal {
    tenantId: string;
    objectId: string;
    kind: "application" | "person";
  }

  interface Receipt {
    operationId: string;
    attempt: number;
    blobUrl: string;
    etag: string;
    sha256: string;
    size: number;
    quorum: number;
    thumbprints: string[];
    storedAt?: string;
  }

  interface OperationReference {
    id: string;
    kind: string;
    status: string;
  }

  interface HsmSummary {
    name: string;
    team: string;
    environment?: string;
    location: string;
    sku?: string;
    state: string;
    uri?: string;
    resourceId?: string;
    createdAt?: string;
    expiresAt?: string;
    monthlyCostUsd?: number;
    quorumHealth: string;
    verifiedAt?: string;
    lastOperation?: OperationReference;
  }

  interface Network {
    defaultAction: "Allow" | "Deny";
    ipRules: string[];
  }

  interface Hsm extends HsmSummary {
    administrators?: string[];
    tags?: Record<string, string>;
    purgeProtection?: boolean;
    softDeleteRetentionDays?: number;
    network?: Network;
    requester?: Principal;
    securityDomain?: Receipt;
    hold?: { by: Principal; at: string; reason: string };
  }

  interface Share {
    custodian?: string;
    thumbprint: string;
    certificateId?: string;
    certificate?: string;
  }

  interface Check {
    name: string;
    title: string;
    verdict: "Passed" | "Failed" | "Warning" | "Skipped";
    message?: string;
  }

  interface Verification {
    verifiedAt: string;
    faults: string[];
    checks: Check[];
    quorumHealth: string;
    shares: Share[];
  }

  interface SecurityDomain {
    quorum?: number;
    shares: Share[];
    receipt?: Receipt;
    verification?: Verification;
  }

  interface Step {
    name: string;
    title?: string;
    status: string;
    attempts: number;
    startedAt?: string;
    finishedAt?: string;
  }

  interface Approval {
    required: boolean;
    reasons: string[];
    expiresAt?: string;
    planSha256?: string;
    decision?: string;
    decidedBy?: Principal;
    decidedAt?: string;
    comment?: string;
  }

  interface Change {
    tags: Record<string, string>;
    removedTags: string[];
    network?: Network;
    publicNetworkAccess?: string;
    purgeProtection?: boolean;
    removesExpiry: boolean;
  }

  interface Plan {
    resourceId: string;
    location: string;
    sku: string;
    environment?: string;
    expiresAt?: string;
    monthlyCostUsd?: number;
    administrators: string[];
    purgeProtection: boolean;
    softDeleteRetentionDays: number;
    publicNetworkAccess: string;
    network: Network;
    tags: Record<string, string>;
    quorum?: number;
    wrappingKeys: Share[];
    change?: Change;
    found?: { madeAt: string; state: string };
    source?: { hsm: string };
    backup?: FullBackup & { identity: string };
  }

  interface FullBackup {
    container: string;
    folder: string;
  }

  interface OperationSummary extends OperationReference {
    hsm: string;
    team: string;
    requester: Principal;
    requestedBy?: string;
    createdAt: string;
    finishedAt?: string;
    percentComplete: number;
    currentStep?: { name: string; status: string };
    awaitingApproval?: boolean;
  }

  interface Operation extends OperationSummary {
    steps: Step[];
    warnings?: { code: string; message: string }[];
    approval?: Approval;
    plan?: Plan;
    cancel?: { by: Principal; at: string };
    error?: ErrorDetail;
    exists?: {
      resourceGroup?: string;
      hsm?: { state: string; resourceId: string };
      monthlyCostUsd?: number;
      resume?: string;
    };
    result?: { resourceId: string; uri: string; securityDomain?: Receipt; restoredBackup?: FullBackup };
  }

  interface JudgedHsm {
    hsm: string;
    team?: string;
    action: "keep" | "warn" | "delete" | "purge";
    reason: string;
    due?: string;
    purges: boolean;
    expiresAt?: string;
    monthlyCostUsd?: number;
    operationId?: string;
    error?: string;
  }

  interface MoneyBurnt {
    hsms: number;
    monthlyUsd: number;
  }

  interface CleanupReport {
    startedAt: string;
    finishedAt: string;
    enforced: boolean;
    judged: number;
    unjudged: string[];
    verdicts: JudgedHsm[];
    resourceGroups: string[];
    saved: MoneyBurnt;
    burning: Record<string, MoneyBurnt>;
    forgottenInstances: number;
    forgottenEvents: number;
  }

  interface CleanupReports {
    running: boolean;
    progress?: { judged: number; failed: number; started: number };
    report?: CleanupReport;
  }

  /** Where a view shows itself. `signal` is aborted when the reader goes elsewhere. */
  interface Page {
    main: HTMLElement;
    query: URLSearchParams;
    signal: AbortSignal;
  }
}
