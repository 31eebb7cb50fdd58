using Chariot.Abstractions.Stores;

namespace Chariot.Cluster.Tests.Stores;

public sealed class SqliteMessageStoreTests : MessageStoreTests
{
    private protected override Task<StoreKit> OpenAsync() => Task.FromResult<StoreKit>(new SqliteKit());

    private sealed class SqliteKit : StoreKit
    {
        private readonly StoreFixture _fixture = new();

        public override IMessageStore Store => _fixture.Store;

        public override Task CloseAsync()
        {
            _fixture.Store.Dispose();
            return Task.CompletedTask;
        }

        public override Task ReopenAsync()
        {
            _fixture.Reopen();
            return Task.CompletedTask;
        }

        public override Task<long> CountMessagesAsync() => Task.FromResult(_fixture.Count("message"));

        public override ValueTask DisposeAsync()
        {
            _fixture.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
