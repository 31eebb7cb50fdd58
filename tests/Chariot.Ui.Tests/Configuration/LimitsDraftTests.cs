using System.Text.Json;
using Chariot.Abstractions.Configuration;
using Chariot.Ui.Configuration;

namespace Chariot.Ui.Tests.Configuration;

public class LimitsDraftTests
{
    [Fact]
    public void EveryLimit_HasItsField_AndIsSaved()
    {
        var draft = new LimitsDraft(new MqttLimits());
        var names = typeof(MqttLimits).GetProperties().Select(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name)).Order();
        Assert.Equal(names, draft.Fields.Select(field => field.Name).Order());
        foreach (var field in draft.Fields)
        {
            field.Value += 1;
        }

        var saved = draft.ToLimits();

        foreach (var property in typeof(MqttLimits).GetProperties())
        {
            Assert.Equal(Convert.ToInt64(property.GetValue(new MqttLimits()), null) + 1, Convert.ToInt64(property.GetValue(saved), null));
        }
    }
}
