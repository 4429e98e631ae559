// Drives an emulator through node-quickbooks and prints what it saw as one line of JSON.
const { promisify } = require('util')
const QuickBooks = require('node-quickbooks')

const given = JSON.parse(process.argv[2])
QuickBooks.TOKEN_URL = given.base_url + '/oauth2/v1/tokens/bearer'

const client = new QuickBooks(
  given.client_id, given.client_secret, 'no token yet', false, given.realm_id,
  true, false, 75, '2.0', given.refresh_token
)
client.endpoint = given.base_url + '/v3/company/'
const call = (name, ...words) => promisify(client[name]).apply(client, words)

async function main () {
  const seen = {}
  await call('refreshAccessToken')
  seen.company = (await call('getCompanyInfo', given.realm_id)).CompanyName

  const line = {
    Amount: 120.5,
    DetailType: 'SalesItemLineDetail',
    SalesItemLineDetail: { ItemRef: { value: '2' } }
  }
  const body = { CustomerRef: { value: '1' }, Line: [line] }
  const made = await call('createInvoice', { ...body, requestId: 'node-1' })
  const again = await call('createInvoice', { ...body, requestId: 'node-1' })
  seen.created = [made.TotalAmt, made.Id === again.Id]
  seen.read = (await call('getInvoice', made.Id)).DocNumber === made.DocNumber

  const found = await call('findInvoices', { DocNumber: made.DocNumber })
  seen.found = found.QueryResponse.Invoice.map((each) => each.Id === made.Id)
  const liked = await call('findCustomers', [
    { field: 'DisplayName', value: '%an%', operator: 'LIKE' }, { field: 'limit', value: 2 }
  ])
  seen.liked = liked.QueryResponse.maxResults
  seen.all = (await call('findAccounts', { fetchAll: true, limit: 10 })).QueryResponse.Account.length
  seen.count = (await call('findInvoices', { count: true })).QueryResponse.totalCount

  const changed = await call('updateInvoice', {
    Id: made.Id, SyncToken: made.SyncToken, PrivateNote: 'of node'
  })
  seen.updated = [changed.PrivateNote, changed.SyncToken, changed.Line.length]
  try {
    await call('updateInvoice', { Id: made.Id, SyncToken: made.SyncToken, PrivateNote: 'stale' })
  } catch (error) {
    seen.stale = error.response.data.Fault.Error[0].code
  }

  const answers = await call('batch', [
    { bId: '1', operation: 'create', Customer: { DisplayName: 'Node & Co' } },
    { bId: '2', operation: 'create', Customer: { DisplayName: 'Node & Co' } },
    { bId: '3', Query: 'select * from Term' }
  ])
  seen.batch = answers.BatchItemResponse.map((each) => Object.keys(each).sort()[0])

  await call('deleteInvoice', made.Id)
  try {
    await call('getInvoice', made.Id)
  } catch (error) {
    seen.deleted = error.response.data.Fault.Error[0].code
  }
  const changes = await call('changeDataCapture', 'Invoice,Customer', given.since)
  const blocks = changes.CDCResponse[0].QueryResponse
  seen.changes = [blocks[0].Invoice.map((each) => each.status), blocks[1].Customer.length]
  console.log(JSON.stringify(seen))
}

main().catch((error) => {
  console.error(error.response ? JSON.stringify(error.response.data) : error)
  process.exit(1)
})
