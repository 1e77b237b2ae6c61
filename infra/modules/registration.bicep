// Who may call: the app registration of the API with its roles, and that of the console.
extension microsoftGraphV1

@description('Name of the registrations, also what a repeated deployment knows them by.')
param name string

@description('Address of the app, without a slash at its end.')
param appUrl string

var roles = [
  {
    value: 'Hsm.Read'
    description: 'See the HSMs of its own team'
  }
  {
    value: 'Hsm.Request'
    description: 'Ask for HSMs and change those of its own team'
  }
  {
    value: 'Hsm.Approve'
    description: 'Decide what needs approval'
  }
  {
    value: 'Hsm.Operate'
    description: 'See and change the HSMs of all teams'
  }
  {
    value: 'Hsm.Audit'
    description: 'Read the audit log'
  }
]

resource api 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: name
  displayName: name
  signInAudience: 'AzureADMyOrg'
  api: {
    requestedAccessTokenVersion: 2
    oauth2PermissionScopes: [
      {
        id: guid(name, 'access_as_user')
        value: 'access_as_user'
        type: 'Admin'
        isEnabled: true
        adminConsentDisplayName: 'Call the HSM provisioner as the one who signed in'
        adminConsentDescription: 'Calls the HSM provisioner with the roles of the one who signed in.'
      }
    ]
  }
  appRoles: [for role in roles: {
    id: guid(name, role.value)
    value: role.value
    displayName: role.value
    description: role.description
    isEnabled: true
    allowedMemberTypes: [
      'Application'
      'User'
    ]
  }]
  groupMembershipClaims: 'ApplicationGroup'
  optionalClaims: {
    accessToken: [
      {
        name: 'idtyp'
      }
      {
        name: 'groups'
      }
    ]
  }
}

resource apiPrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: api.appId
  appRoleAssignmentRequired: true
}

resource console 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: '${name}-console'
  displayName: '${name} console'
  signInAudience: 'AzureADMyOrg'
  spa: {
    redirectUris: [
      '${appUrl}/api/console/'
    ]
  }
  requiredResourceAccess: [
    {
      resourceAppId: api.appId
      resourceAccess: [
        {
          id: guid(name, 'access_as_user')
          type: 'Scope'
        }
      ]
    }
  ]
}

resource consolePrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: console.appId
}

@description('Client id of the API: its tokens are for `api://` and this.')
output apiClientId string = api.appId

@description('Client id with which the console signs people in.')
output consoleClientId string = console.appId
