// What operators are told of. The queries look for what the service logs.
@description('Region of the rules.')
param location string

@description('Beginning of the names of the rules.')
param name string

@description('The workspace with the logs.')
param workspaceId string

@description('Whom the rules tell.')
param actionGroupId string

@description('The topic whose dead letters are told of.')
param subscriptionsTopicId string

@description('Name of the security domain account.')
param archiveName string

@description('Object id of the identity of the service, the one that may read stored security domains.')
param principalId string

@description('What the resource group may cost a month. 0: no budget.')
param monthlyBudget int

@description('First day of the month from which on the budget counts.')
param budgetStart string

@description('Address that is told of the budget.')
param alertEmail string

@description('Tags of the rules.')
param tags object

var rules = [
  {
    name: 'failed-request'
    severity: 2
    query: 'AppTraces | where Message has "a request failed unexpectedly"'
  }
  {
    name: 'failed-operation'
    severity: 2
    query: 'AppRequests | where Success == false and OperationName startswith "orchestration"'
  }
  {
    name: 'unverified-domain'
    severity: 1
    query: 'AppTraces | where Message has_any ("is not well", "could not be verified", "no security domain of it is stored")'
  }
  {
    name: 'administrator-drift'
    severity: 1
    query: 'AppTraces | where Message has "drifted" and Message has_any ("administrators_changed", "service_still_administrator")'
  }
  {
    name: 'stale-clean-up'
    severity: 2
    query: 'AppTraces | where Message has_any ("was not deleted", "could not be judged")'
  }
  {
    name: 'domain-read-by-others'
    severity: 0
    query: 'StorageBlobLogs | where AccountName == "${archiveName}" and OperationName == "GetBlob" and Uri has "/security-domains/" and RequesterObjectId != "${principalId}"'
  }
]

resource queries 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in rules: {
  name: '${name}-${rule.name}'
  location: location
  tags: tags
  properties: {
    displayName: '${name} ${rule.name}'
    severity: rule.severity
    enabled: true
    scopes: [
      workspaceId
    ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT30M'
    muteActionsDuration: 'PT30M'
    autoMitigate: false
    // A table is not there before its first row.
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: {
      actionGroups: [
        actionGroupId
      ]
    }
  }
}]

resource deadLetters 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${name}-dead-letters'
  location: 'global'
  tags: tags
  properties: {
    severity: 2
    enabled: true
    scopes: [
      subscriptionsTopicId
    ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'dead-lettered'
          metricName: 'DeadLetteredCount'
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          threshold: 0
        }
      ]
    }
    actions: [
      {
        actionGroupId: actionGroupId
      }
    ]
  }
}

resource budget 'Microsoft.Consumption/budgets@2023-11-01' = if (monthlyBudget > 0 && !empty(alertEmail)) {
  name: name
  properties: {
    category: 'Cost'
    amount: monthlyBudget
    timeGrain: 'Monthly'
    timePeriod: {
      startDate: budgetStart
    }
    notifications: {
      mostOfIt: {
        enabled: true
        operator: 'GreaterThan'
        threshold: 80
        contactEmails: [
          alertEmail
        ]
      }
    }
  }
}
